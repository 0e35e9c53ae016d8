#include "server/metrics/usage_counters.h"

#include <functional>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/gauge.h"
#include "prometheus/registry.h"
#include "storage/base/mutex.h"

namespace graphfeed {

struct UsageCounters::Families {
  using Counters = prometheus::Family<prometheus::Counter>;

  Families(prometheus::Registry& registry, const std::string& name)
      : label(name),
        calls(Counter(registry, "rpcs_total", "Finished calls")),
        refused_calls(Counter(registry, "refused_rpcs_total",
                              "Calls that were refused for want of a right or of room")),
        sent_bytes(Counter(registry, "sent_bytes_total", "Bytes of messages that were sent")),
        received_bytes(
            Counter(registry, "received_bytes_total", "Bytes of messages that were received")),
        frames(Counter(registry, "frames_sent_total", "Frames sent")),
        open_streams(prometheus::BuildGauge()
                         .Name(absl::StrCat("graphfeed_", label, "_open_streams"))
                         .Help(Help("Running StreamBatches calls"))
                         .Register(registry)) {}

  std::string Help(absl::string_view what) const {
    return absl::StrCat(what, ", by ", label, "; \"other\": of all beyond the first ", kMaxNames,
                        ".");
  }
  Counters& Counter(prometheus::Registry& registry, absl::string_view name,
                    absl::string_view what) const {
    return prometheus::BuildCounter()
        .Name(absl::StrCat("graphfeed_", label, "_", name))
        .Help(Help(what))
        .Register(registry);
  }

  const std::string label;
  Counters& calls;
  Counters& refused_calls;
  Counters& sent_bytes;
  Counters& received_bytes;
  Counters& frames;
  prometheus::Family<prometheus::Gauge>& open_streams;
  Mutex mu;
  std::map<std::string, Entry, std::less<>> entries ABSL_GUARDED_BY(mu);  // stay where they are
};

UsageCounters::UsageCounters(prometheus::Registry& registry, const std::string& label)
    : families_(std::make_unique<Families>(registry, label)) {}
UsageCounters::~UsageCounters() = default;

UsageCounters::Entry& UsageCounters::Of(absl::string_view name) {
  Families& families = *families_;
  MutexLock lock(&families.mu);
  auto found = families.entries.find(name);
  if (found == families.entries.end() && families.entries.size() >= kMaxNames) {
    name = "other";
    found = families.entries.find(name);
  }
  if (found != families.entries.end()) return found->second;
  const prometheus::Labels labels = {{families.label, std::string(name)}};
  Entry& entry = families.entries[std::string(name)];
  entry.calls_ = &families.calls.Add(labels);
  entry.refused_calls_ = &families.refused_calls.Add(labels);
  entry.sent_bytes_ = &families.sent_bytes.Add(labels);
  entry.received_bytes_ = &families.received_bytes.Add(labels);
  entry.frames_ = &families.frames.Add(labels);
  entry.open_streams_ = &families.open_streams.Add(labels);
  return entry;
}

void UsageCounters::Entry::CallDone(bool refused) {
  calls_->Increment();
  if (refused) refused_calls_->Increment();
}
void UsageCounters::Entry::Sent(int64_t bytes) {
  sent_bytes_->Increment(static_cast<double>(bytes));
}
void UsageCounters::Entry::Received(int64_t bytes) {
  received_bytes_->Increment(static_cast<double>(bytes));
}
void UsageCounters::Entry::FrameSent() { frames_->Increment(); }
void UsageCounters::Entry::StreamsOpen(int delta) { open_streams_->Increment(delta); }

}  // namespace graphfeed
