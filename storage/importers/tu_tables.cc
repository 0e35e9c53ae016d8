#include "storage/importers/tu_tables.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr int64_t kLinesPerReport = 1 << 16;
constexpr size_t kShownBytes = 60;  // of a bad value

bool IsSeparator(char c) { return c == ',' || c == ' ' || c == '\t'; }

// Cuts the next field off `line`; false when none is left. Fields are separated by one comma, by
// white space, or both; "1,,2" has an empty field in the middle.
bool NextField(absl::string_view& line, absl::string_view& field, bool first) {
  const auto skip_blanks = [&] {
    while (!line.empty() && (line[0] == ' ' || line[0] == '\t')) line.remove_prefix(1);
  };
  skip_blanks();
  if (!first && !line.empty() && line[0] == ',') {
    line.remove_prefix(1);
    skip_blanks();
  } else if (line.empty()) {
    return false;
  }
  size_t length = 0;
  while (length < line.size() && !IsSeparator(line[length])) ++length;
  field = line.substr(0, length);
  line.remove_prefix(length);
  return true;
}

bool ParseField(absl::string_view field, double& value) {
  if (!field.empty() && field[0] == '+') field.remove_prefix(1);
  const char* end = field.data() + field.size();
  const std::from_chars_result result = std::from_chars(field.data(), end, value);
  return result.ec == std::errc() && result.ptr == end;
}

bool ParseField(absl::string_view field, float& value) {
  double wide = 0;
  if (!ParseField(field, wide)) return false;
  value = static_cast<float>(wide);
  return true;
}

bool ParseField(absl::string_view field, int64_t& value) {
  const char* end = field.data() + field.size();
  const std::from_chars_result result = std::from_chars(field.data(), end, value);
  if (result.ec == std::errc() && result.ptr == end) return true;
  // Some sets write whole numbers as "1.0".
  constexpr double kExact = 9007199254740992.0;
  double wide = 0;
  if (!ParseField(field, wide) || !(std::abs(wide) <= kExact) || wide != std::floor(wide)) {
    return false;
  }
  value = static_cast<int64_t>(wide);
  return true;
}

template <typename T>
constexpr absl::string_view kExpected = "a number";
template <>
constexpr absl::string_view kExpected<int64_t> = "a whole number";

// Appends the fields of a line to `values` and counts them.
template <typename T>
absl::StatusOr<int64_t> ParseLine(const LineReader& reader, absl::string_view line,
                                  std::vector<T>& values) {
  int64_t count = 0;
  absl::string_view field;
  while (NextField(line, field, count == 0)) {
    T value{};
    if (!ParseField(field, value)) {
      return reader.Error(absl::StrCat("'", field.substr(0, kShownBytes), "' in column ", count + 1,
                                       " is not ", kExpected<T>));
    }
    values.push_back(value);
    ++count;
  }
  return count;
}

class TablesReader {
 public:
  TablesReader(const TuOpener& open, const std::function<void(int64_t)>& on_bytes)
      : open_(open), on_bytes_(on_bytes) {}

  absl::StatusOr<TuTables> Read() {
    std::optional<Rows> graphs;
    GF_RETURN_IF_ERROR(ReadTable("graph_labels", std::nullopt, tables_.graph_labels));
    if (tables_.graph_labels.columns > 0) {
      graphs = {tables_.graph_labels.rows(), "graphs", std::move(name_)};
    }
    GF_RETURN_IF_ERROR(ReadTable("graph_attributes", graphs, tables_.graph_attributes));
    if (!graphs.has_value() && tables_.graph_attributes.columns > 0) {
      graphs = {tables_.graph_attributes.rows(), "graphs", std::move(name_)};
    }
    GF_RETURN_IF_ERROR(ReadIndicator(graphs));
    const Rows nodes{tables_.node_ptr.back(), "nodes", std::move(name_)};
    GF_RETURN_IF_ERROR(ReadEdges(nodes));
    const Rows edges{static_cast<int64_t>(tables_.edges.size()), "edges", std::move(name_)};
    GF_RETURN_IF_ERROR(ReadTable("node_labels", nodes, tables_.node_labels));
    GF_RETURN_IF_ERROR(ReadTable("node_attributes", nodes, tables_.node_attributes));
    GF_RETURN_IF_ERROR(ReadTable("edge_labels", edges, tables_.edge_labels));
    GF_RETURN_IF_ERROR(ReadTable("edge_attributes", edges, tables_.edge_attributes));
    return std::move(tables_);
  }

 private:
  // How many rows the tables of something have, and the file that says so.
  struct Rows {
    int64_t count = 0;
    absl::string_view things;
    std::string file;

    // "there are 5 nodes in x_graph_indicator.txt"
    std::string Text(absl::string_view only = "") const {
      return absl::StrCat("there are ", only, count, " ", things, " in ", file);
    }
  };

  absl::StatusOr<std::unique_ptr<LineReader>> Open(absl::string_view part) {
    reported_ = 0;
    GF_ASSIGN_OR_RETURN(std::unique_ptr<LineReader> reader, open_(part));
    if (reader != nullptr) name_ = reader->name();
    return reader;
  }

  absl::StatusOr<std::unique_ptr<LineReader>> OpenRequired(absl::string_view part) {
    GF_ASSIGN_OR_RETURN(std::unique_ptr<LineReader> reader, Open(part));
    if (reader == nullptr) {
      return absl::NotFoundError(
          absl::StrCat("the dataset has no file ..._", part, ".txt, nor one with .gz"));
    }
    return reader;
  }

  // The next line that holds something. Empty lines may only end a file.
  absl::StatusOr<std::optional<absl::string_view>> NextLine(LineReader& reader) {
    GF_ASSIGN_OR_RETURN(auto line, reader.Next());
    if (reader.line() % kLinesPerReport == 0 || !line.has_value()) Report(reader);
    if (!line.has_value() || line->find_first_not_of(" \t") != absl::string_view::npos) {
      return line;
    }
    const int64_t empty = reader.line();
    while (line.has_value()) {
      if (line->find_first_not_of(" \t") != absl::string_view::npos) {
        return absl::InvalidArgumentError(
            absl::StrCat(reader.name(), ":", empty, ": the line is empty"));
      }
      GF_ASSIGN_OR_RETURN(line, reader.Next());
    }
    return std::nullopt;
  }

  void Report(const LineReader& reader) {
    const int64_t now = reader.bytes_read();
    if (on_bytes_) on_bytes_(now - reported_);
    reported_ = now;
  }

  template <typename T>
  absl::Status ReadTable(absl::string_view part, const std::optional<Rows>& rows,
                         TuTable<T>& table) {
    GF_ASSIGN_OR_RETURN(std::unique_ptr<LineReader> reader, Open(part));
    if (reader == nullptr) return absl::OkStatus();
    int64_t read = 0;
    while (true) {
      GF_ASSIGN_OR_RETURN(const auto line, NextLine(*reader));
      if (!line.has_value()) break;
      if (rows.has_value() && read == rows->count) return reader->Error(rows->Text("only "));
      GF_ASSIGN_OR_RETURN(const int64_t count, ParseLine(*reader, *line, table.values));
      if (table.columns == 0) table.columns = count;
      if (count != table.columns) {
        return reader->Error(
            absl::StrCat("the line has ", count, " columns; the lines above have ", table.columns));
      }
      ++read;
    }
    if (rows.has_value() && read != rows->count) {
      return absl::InvalidArgumentError(
          absl::StrCat(reader->name(), " has ", read, " lines; ", rows->Text()));
    }
    return absl::OkStatus();
  }

  // Reads lines of exactly `count` whole numbers into `visit`.
  template <typename F>
  absl::Status ReadNumbers(LineReader& reader, size_t count, F visit) {
    std::vector<int64_t> values;
    while (true) {
      GF_ASSIGN_OR_RETURN(const auto line, NextLine(reader));
      if (!line.has_value()) return absl::OkStatus();
      values.clear();
      GF_RETURN_IF_ERROR(ParseLine(reader, *line, values).status());
      if (values.size() != count) {
        return reader.Error(absl::StrCat("the line has ", values.size(), " columns, not ", count));
      }
      GF_RETURN_IF_ERROR(visit(values));
    }
  }

  absl::Status ReadIndicator(const std::optional<Rows>& graphs) {
    GF_ASSIGN_OR_RETURN(std::unique_ptr<LineReader> reader, OpenRequired("graph_indicator"));
    std::vector<int64_t>& ptr = tables_.node_ptr;
    ptr.assign(1, 0);
    int64_t nodes = 0;
    const auto visit = [&](const std::vector<int64_t>& values) -> absl::Status {
      const int64_t graph = values[0];
      const auto current = static_cast<int64_t>(ptr.size()) - 1;  // graphs opened, the last is open
      if (graph < std::max<int64_t>(current, 1)) {
        return reader->Error(absl::StrCat(
            "node of graph ", graph,
            current == 0 ? ", but graphs count from 1"
                         : absl::StrCat(" after one of graph ", current, "; graphs must ascend")));
      }
      if (graphs.has_value() && graph > graphs->count) {
        return reader->Error(absl::StrCat("node of graph ", graph, "; ", graphs->Text()));
      }
      if (!graphs.has_value() && graph > current + 1) {
        return reader->Error(absl::StrCat("node of graph ", graph, " after one of graph ", current,
                                          ", and no graph_labels tell that there are more graphs"));
      }
      // Graphs without nodes end where they begin.
      if (graph > current) ptr.resize(graph + 1, nodes);
      ptr.back() = ++nodes;
      return absl::OkStatus();
    };
    GF_RETURN_IF_ERROR(ReadNumbers(*reader, 1, visit));
    if (graphs.has_value()) ptr.resize(graphs->count + 1, nodes);
    return absl::OkStatus();
  }

  absl::Status ReadEdges(const Rows& nodes) {
    GF_ASSIGN_OR_RETURN(std::unique_ptr<LineReader> reader, OpenRequired("A"));
    const std::vector<int64_t>& ptr = tables_.node_ptr;
    size_t graph = 0;  // of the last source; files are mostly in the order of the graphs
    const auto visit = [&](const std::vector<int64_t>& values) -> absl::Status {
      for (const int64_t node : values) {
        if (node < 1 || node > ptr.back()) {
          return reader->Error(absl::StrCat("node ", node, "; nodes are 1 to ", nodes.count,
                                            ", one for each line of ", nodes.file));
        }
      }
      const TuEdge edge{values[0] - 1, values[1] - 1};
      if (edge.source < ptr[graph] || edge.source >= ptr[graph + 1]) {
        graph = std::upper_bound(ptr.begin(), ptr.end(), edge.source) - ptr.begin() - 1;
      }
      if (edge.target < ptr[graph] || edge.target >= ptr[graph + 1]) {
        const auto other = std::upper_bound(ptr.begin(), ptr.end(), edge.target) - ptr.begin();
        return reader->Error(absl::StrCat("edge (", values[0], ", ", values[1], ") joins graph ",
                                          graph + 1, " and graph ", other));
      }
      tables_.edges.push_back(edge);
      return absl::OkStatus();
    };
    return ReadNumbers(*reader, 2, visit);
  }

  const TuOpener& open_;
  const std::function<void(int64_t)>& on_bytes_;
  TuTables tables_;
  int64_t reported_ = 0;  // bytes of the open file
  std::string name_;      // of the file that was opened last
};

}  // namespace

absl::StatusOr<TuTables> ReadTuTables(const TuOpener& open,
                                      const std::function<void(int64_t)>& on_bytes) {
  return TablesReader(open, on_bytes).Read();
}

}  // namespace graphfeed
