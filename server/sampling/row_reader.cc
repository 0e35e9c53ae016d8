#include "server/sampling/row_reader.h"

#include <cstring>

#include "storage/base/check.h"
#include "storage/graph/float16.h"

namespace graphfeed {
namespace {

template <typename Element, typename Value>
void Convert(const std::byte* rows, int64_t count, Value* values) {
  for (int64_t i = 0; i < count; ++i) {
    Element element;
    std::memcpy(&element, rows + i * static_cast<int64_t>(sizeof(Element)), sizeof(Element));
    values[i] = static_cast<Value>(element);
  }
}

void ConvertIntegers(DType dtype, const std::byte* rows, int64_t count, int64_t* values) {
  switch (dtype) {
    case DType::kBool:
    case DType::kUint8:
      return Convert<uint8_t>(rows, count, values);
    case DType::kInt8:
      return Convert<int8_t>(rows, count, values);
    case DType::kInt16:
      return Convert<int16_t>(rows, count, values);
    case DType::kInt32:
      return Convert<int32_t>(rows, count, values);
    case DType::kInt64:
      return Convert<int64_t>(rows, count, values);
    default:
      GF_CHECK(false) << "not an integer column: " << DTypeName(dtype);
  }
}

void ConvertFloats(DType dtype, const std::byte* rows, int64_t count, double* values) {
  switch (dtype) {
    case DType::kFloat16:
      for (int64_t i = 0; i < count; ++i) {
        uint16_t bits;
        std::memcpy(&bits, rows + 2 * i, sizeof(bits));
        values[i] = static_cast<double>(FloatFromFloat16(bits));
      }
      return;
    case DType::kFloat32:
      return Convert<float>(rows, count, values);
    case DType::kFloat64:
      return Convert<double>(rows, count, values);
    default:
      GF_CHECK(false) << "not a float column: " << DTypeName(dtype);
  }
}

}  // namespace

void RowReader::MakeRanges(absl::Span<const int64_t> rows) {
  ranges_.clear();
  starts_.clear();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!ranges_.empty() && ranges_.back().first + ranges_.back().count == rows[i]) {
      ++ranges_.back().count;
    } else {
      ranges_.push_back({rows[i], 1});
      starts_.push_back(i);
    }
  }
}

absl::Status RowReader::ReadIntegers(const GraphView& graph, int column,
                                     absl::Span<const int64_t> rows, absl::Span<int64_t> values) {
  MakeRanges(rows);
  const DType dtype = graph.schema.columns[column].dtype;
  return graph.features.VisitRows(
      column, ranges_, [&](size_t range, int64_t offset, int64_t count, const std::byte* bytes) {
        ConvertIntegers(dtype, bytes, count,
                        values.data() + starts_[range] + static_cast<size_t>(offset));
      });
}

absl::Status RowReader::ReadFloats(const GraphView& graph, int column,
                                   absl::Span<const int64_t> rows, absl::Span<double> values) {
  MakeRanges(rows);
  const DType dtype = graph.schema.columns[column].dtype;
  return graph.features.VisitRows(
      column, ranges_, [&](size_t range, int64_t offset, int64_t count, const std::byte* bytes) {
        ConvertFloats(dtype, bytes, count,
                      values.data() + starts_[range] + static_cast<size_t>(offset));
      });
}

}  // namespace graphfeed
