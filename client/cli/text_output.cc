#include "client/cli/text_output.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace graphfeed {
namespace {

constexpr size_t kMaxListedBatches = 40;

std::string Pad(absl::string_view text, size_t width, bool right) {
  const std::string spaces(width - std::min(width, text.size()), ' ');
  return right ? absl::StrCat(spaces, text) : absl::StrCat(text, spaces);
}

// A column of numbers with aligned decimal points, whole ones without: "17.9", "10  ".
std::vector<std::string> AlignDecimals(absl::Span<const double> values) {
  std::vector<std::string> cells;
  bool any_fraction = false;
  for (const double value : values) {
    std::string cell = FormatFixed(value, 1);
    if (cell.size() > 2 && cell.substr(cell.size() - 2) == ".0") {
      cell.resize(cell.size() - 2);
    } else {
      any_fraction = true;
    }
    cells.push_back(std::move(cell));
  }
  for (std::string& cell : cells) {
    if (any_fraction && cell.find('.') == std::string::npos) cell += "  ";
  }
  return cells;
}

}  // namespace

TextTable::TextTable(const std::vector<std::string>& header) : rows_(1) {
  for (absl::string_view name : header) {
    right_.push_back(absl::ConsumePrefix(&name, ">"));
    rows_[0].emplace_back(name);
  }
}

std::string TextTable::ToString() const {
  std::vector<size_t> widths(right_.size());
  for (const auto& row : rows_) {
    for (size_t c = 0; c < widths.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t c = 0; c < widths.size(); ++c) {
      absl::StrAppend(&line, c > 0 ? "  " : "", Pad(row[c], widths[c], right_[c]));
    }
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return text;
}

std::string Shortened(std::string message) {
  constexpr size_t kMost = 16000;
  if (message.size() <= kMost) return message;
  const auto continues = [&](size_t at) {
    return (static_cast<unsigned char>(message[at]) & 0xc0) == 0x80;
  };
  size_t first = kMost / 2;
  size_t last = message.size() - kMost / 2;
  while (first > 0 && continues(first)) --first;
  while (last + 1 < message.size() && continues(last)) ++last;
  return absl::StrCat(message.substr(0, first), " ... ", last - first, " bytes left out ... ",
                      message.substr(last));
}

std::string FormatBytes(double bytes) {
  constexpr std::array<absl::string_view, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  while (unit + 1 < kUnits.size() && bytes >= 999.5) {
    bytes /= 1000;
    ++unit;
  }
  return absl::StrCat(FormatFixed(bytes, unit == 0 || bytes >= 99.95 ? 0 : 1), " ", kUnits[unit]);
}

std::string FormatCount(int64_t count) {
  const std::string digits = absl::StrCat(count);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    const size_t left = digits.size() - i;
    if (i > 0 && left % 3 == 0 && digits[i - 1] != '-') text += ',';
    text += digits[i];
  }
  return text;
}

std::string FormatFixed(double value, int digits) { return absl::StrFormat("%.*f", digits, value); }

std::string FormatPercent(double fraction) { return FormatFixed(100 * fraction, 2) + " %"; }

std::string FormatShape(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

std::string FormatTypedCounts(const std::map<std::string, int64_t>& counts) {
  if (counts.size() == 1 && counts.begin()->first.empty()) {
    return FormatCount(counts.begin()->second);
  }
  return absl::StrJoin(counts, ", ", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, entry.first, " ", FormatCount(entry.second));
  });
}

std::string ColumnShape(const ColumnSchema& column) {
  if (column.zero_dim || column.non_tensor) return "[]";
  const std::string axis = column.level == Level::kNode   ? "num_nodes"
                           : column.level == Level::kEdge ? "num_edges"
                           : column.varying()             ? std::string("num_rows")
                                                          : absl::StrCat(column.rows_per_graph);
  std::vector<std::string> dims;
  for (const int64_t dim : column.row_shape) dims.push_back(absl::StrCat(dim));
  dims.insert(column.concat_last ? dims.end() : dims.begin(), axis);
  return absl::StrCat("[", absl::StrJoin(dims, ", "), "]");
}

std::string SummaryTable(const DatasetInfo& info) {
  if (info.num_graphs == 1) return "";
  std::vector<std::pair<std::string, const SizeSummary*>> columns = {
      {"#nodes", &info.total_node_sizes}, {"#edges", &info.total_edge_sizes}};
  if (info.schema.heterogeneous) {
    for (size_t t = 0; t < info.node_sizes.size(); ++t) {
      columns.emplace_back(absl::StrCat("#nodes(", info.schema.node_types[t], ")"),
                           &info.node_sizes[t]);
    }
    for (size_t t = 0; t < info.edge_sizes.size(); ++t) {
      columns.emplace_back(
          absl::StrCat("#edges(", info.schema.EdgeTypeName(static_cast<int>(t)), ")"),
          &info.edge_sizes[t]);
    }
  }
  for (size_t c = 0; c < info.columns.size(); ++c) {
    if (!info.columns[c].row_sizes.has_value()) continue;
    columns.emplace_back(absl::StrCat("#rows(", info.schema.columns[c].name, ")"),
                         &*info.columns[c].row_sizes);
  }
  constexpr std::array<absl::string_view, 7> kNames = {"mean",   "std",        "min", "quantile25",
                                                       "median", "quantile75", "max"};
  constexpr size_t kFirstWidth = 10;
  std::array<std::string, kNames.size() + 1> lines;
  std::string border = absl::StrCat("+", std::string(kFirstWidth + 2, '-'), "+");
  std::string rule = absl::StrCat("|", std::string(kFirstWidth + 2, '-'), "+");
  lines[0] = absl::StrCat("| ", Pad("", kFirstWidth, false), " |");
  for (size_t r = 0; r < kNames.size(); ++r) {
    lines[r + 1] = absl::StrCat("| ", Pad(kNames[r], kFirstWidth, false), " |");
  }
  for (size_t c = 0; c < columns.size(); ++c) {
    const auto& [name, sizes] = columns[c];
    const std::vector<std::string> cells =
        AlignDecimals({sizes->mean, sizes->std, static_cast<double>(sizes->min), sizes->quantile25,
                       sizes->median, sizes->quantile75, static_cast<double>(sizes->max)});
    size_t width = name.size() + 2;
    for (const std::string& cell : cells) width = std::max(width, cell.size());
    absl::StrAppend(&lines[0], " ", Pad(name, width, true), " |");
    for (size_t r = 0; r < kNames.size(); ++r) {
      absl::StrAppend(&lines[r + 1], " ", Pad(cells[r], width, true), " |");
    }
    absl::StrAppend(&border, std::string(width + 2, '-'), "+");
    absl::StrAppend(&rule, std::string(width + 2, '-'), c + 1 < columns.size() ? "+" : "|");
  }
  std::string text = absl::StrCat(info.name, " (#graphs=", info.num_graphs, "):\n", border, "\n",
                                  lines[0], "\n", rule, "\n");
  for (size_t r = 1; r < lines.size(); ++r) absl::StrAppend(&text, lines[r], "\n");
  absl::StrAppend(&text, border, "\n");
  return text;
}

std::string LayoutTable(const Layout& layout, absl::Span<const TensorPlace> places) {
  TextTable table({"TENSOR", "DTYPE", "SHAPE", ">BYTES"});
  for (size_t t = 0; t < layout.tensors.size() && t < places.size(); ++t) {
    const TensorSpec& tensor = layout.tensors[t];
    table.Add({tensor.store.empty() ? tensor.name : absl::StrCat(tensor.store, ".", tensor.name),
               std::string(DTypeName(tensor.dtype)), FormatShape(places[t].shape),
               FormatCount(places[t].size_bytes)});
  }
  return table.ToString();
}

std::string FormatSizeEstimate(const SizeEstimate& report) {
  double most = 0;
  for (const std::vector<double>* shares : {&report.trimmed_nodes, &report.trimmed_edges}) {
    for (const double share : *shares) most = std::max(most, share);
  }
  std::string text = absl::StrCat("from ", FormatCount(report.num_samples), " batches; ");
  if (report.trimmed_batches == 0) return text + "none of them exceeds it";
  absl::StrAppend(&text, FormatPercent(report.trimmed_batches), " of them exceed it, by at most ",
                  FormatPercent(most), " of the nodes or edges of a type");
  return text;
}

std::string FormatGraphsPerBatch(absl::Span<const int64_t> graphs) {
  if (graphs.size() <= kMaxListedBatches) return absl::StrJoin(graphs, ",");
  std::map<int64_t, int64_t> times;
  for (const int64_t count : graphs) ++times[count];
  return absl::StrJoin(times, ", ", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, entry.first, " (", FormatCount(entry.second), "x)");
  });
}

}  // namespace graphfeed
