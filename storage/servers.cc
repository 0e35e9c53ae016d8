#include "storage/servers.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/base/status_macros.h"

namespace graphfeed {

std::vector<ColumnRange> Joined(std::vector<ColumnRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const ColumnRange& a, const ColumnRange& b) { return a.first < b.first; });
  std::vector<ColumnRange> joined;
  for (const ColumnRange& range : ranges) {
    if (!joined.empty() && range.first <= joined.back().end) {
      joined.back().end = std::max(joined.back().end, range.end);
    } else {
      joined.push_back(range);
    }
  }
  return joined;
}

bool ServerRecord::Uses(uint64_t column) const {
  return std::any_of(writes.begin(), writes.end(),
                     [&](const ColumnRange& range) { return range.Contains(column); }) ||
         std::find(reads.begin(), reads.end(), column) != reads.end();
}

std::string EncodeServer(const ServerRecord& server) {
  std::string text = absl::StrCat("beat ", server.beat, "\n");
  for (const ColumnRange& range : server.writes) {
    absl::StrAppend(&text, "writes ", range.first, " ", range.end, "\n");
  }
  for (const uint64_t column : server.reads) absl::StrAppend(&text, "reads ", column, "\n");
  return text;
}

absl::StatusOr<ServerRecord> DecodeServer(absl::string_view text) {
  ServerRecord server;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    std::vector<uint64_t> numbers(words.size() - 1);
    bool valid = true;
    for (size_t i = 0; i < numbers.size(); ++i) {
      valid = valid && absl::SimpleAtoi(words[i + 1], &numbers[i]);
    }
    if (valid && words[0] == "beat" && numbers.size() == 1) {
      server.beat = numbers[0];
    } else if (valid && words[0] == "writes" && numbers.size() == 2) {
      server.writes.push_back({numbers[0], numbers[1]});
    } else if (valid && words[0] == "reads" && numbers.size() == 1) {
      server.reads.push_back(numbers[0]);
    } else {
      return absl::DataLossError("the record of a server is malformed");
    }
  }
  return server;
}

RecordMap ServerRecordsOf(const RecordMap& records) {
  auto end = records.lower_bound(kServerPrefix);
  const auto begin = end;
  while (end != records.end() && absl::StartsWith(end->first, kServerPrefix)) ++end;
  return RecordMap(begin, end);
}

absl::StatusOr<std::map<std::string, ServerRecord>> ServersOf(const RecordMap& records) {
  std::map<std::string, ServerRecord> servers;
  for (const auto& [key, value] : ServerRecordsOf(records)) {
    absl::StatusOr<ServerRecord> server = DecodeServer(value);
    if (!server.ok()) {
      return absl::DataLossError(absl::StrCat("record \"", key, "\": ", server.status().message()));
    }
    servers.emplace(key, *std::move(server));
  }
  return servers;
}

void Unchanged::Observe(const RecordMap& values, TimePoint now) {
  const absl::Duration gap = observed_.has_value()
                                 ? std::min(absl::FromChrono(now - *observed_), max_gap_)
                                 : absl::ZeroDuration();
  observed_ = now;
  std::map<std::string, Value> observed;
  for (const auto& [name, value] : values) {
    const auto known = values_.find(name);
    const bool same = known != values_.end() && known->second.value == value;
    observed[name] = {value, same ? known->second.age + gap : absl::ZeroDuration()};
  }
  values_ = std::move(observed);
}

std::vector<std::string> Unchanged::For(absl::Duration duration) const {
  std::vector<std::string> names;
  for (const auto& [name, value] : values_) {
    if (value.age >= duration) names.push_back(name);
  }
  return names;
}

void KnownAside::Observe(const std::map<uint64_t, absl::Time>& columns, const RecordMap& records,
                         TimePoint now) {
  std::shared_ptr<const RecordMap> servers;  // made when it is needed
  std::map<uint64_t, Seen> observed;
  for (const auto& [column, set_aside] : columns) {
    const auto known = columns_.find(column);
    if (known != columns_.end() && known->second.set_aside == set_aside) {
      observed.insert(*known);
      continue;
    }
    if (servers == nullptr) {
      servers = std::make_shared<const RecordMap>(ServerRecordsOf(records));
    }
    observed[column] = {set_aside, now, servers};
  }
  columns_ = std::move(observed);
}

bool KnownAside::IsKnown(uint64_t column, TimePoint now, absl::Duration duration,
                         const RecordMap& servers) const {
  const auto seen = columns_.find(column);
  if (seen == columns_.end() || absl::FromChrono(now - seen->second.first) < duration) return false;
  // Who is not among those of that moment began later.
  const RecordMap& then = *seen->second.servers;
  return std::none_of(servers.begin(), servers.end(), [&](const auto& server) {
    const auto before = then.find(server.first);
    return before != then.end() && before->second == server.second;
  });
}

}  // namespace graphfeed
