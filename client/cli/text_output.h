#ifndef GRAPHFEED_CLIENT_CLI_TEXT_OUTPUT_H_
#define GRAPHFEED_CLIENT_CLI_TEXT_OUTPUT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/frame/layout.h"
#include "proto/frame/stream_info.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

// Rows under a header, for people: columns padded to their widest cell, two spaces apart. Columns
// whose header begins with '>' are set flush right, without the sign.
class TextTable {
 public:
  explicit TextTable(const std::vector<std::string>& header);
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string ToString() const;

 private:
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

std::string FormatBytes(double bytes);                     // "1.4 MB": decimal units
std::string FormatCount(int64_t count);                    // "130,839"
std::string FormatFixed(double value, int digits);         // "39.91"
std::string FormatPercent(double fraction);                // "39.91 %"
std::string FormatShape(absl::Span<const int64_t> shape);  // "[17, 7]"

// Messages that are longer than 16,000 bytes, without their middle: what a server names may be of
// any length. UTF-8 stays whole.
std::string Shortened(std::string message);

// "2,304", or by type "actor 30, movie 20".
std::string FormatTypedCounts(const std::map<std::string, int64_t>& counts);

// "[num_nodes, 7]", "[2, num_edges]", "[1]": the tensor of one graph.
std::string ColumnShape(const ColumnSchema& column);

// Sizes of a dataset's graphs as PyG's Summary prints them; nothing for a single one, whose sizes
// do not deviate.
std::string SummaryTable(const DatasetInfo& info);

// Tensors of a batch with their places.
std::string LayoutTable(const Layout& layout, absl::Span<const TensorPlace> places);

// "from 86 batches; 3.49 % of them exceed it, by at most 1.20 % of the nodes or edges of a type".
std::string FormatSizeEstimate(const SizeEstimate& report);

// "9,8,9": real graphs of each batch; how often each number occurs where there are many batches.
std::string FormatGraphsPerBatch(absl::Span<const int64_t> graphs);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_TEXT_OUTPUT_H_
