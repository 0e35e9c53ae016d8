#include "proto/wire/message_memory.h"

#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "graphfeed/v1/graphfeed.pb.h"

namespace graphfeed::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// A number of a list; a field, also one that is not known; a message before any field is set.
constexpr int64_t kElementBytes = 8;
constexpr int64_t kFieldBytes = 64;
constexpr int64_t kMessageBytes = 160;
constexpr int kMaxDepth = 64;

class Counter {
 public:
  explicit Counter(CodedInputStream& input) : input_(input) {}

  // Of the fields up to the input's limit; false if they are malformed.
  bool Count(const Descriptor& type, int depth) {
    if (depth > kMaxDepth) return false;
    bytes_ += kMessageBytes;
    while (const uint32_t tag = input_.ReadTag()) {
      const FieldDescriptor* const field =
          type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
      if (!CountField(tag, field, depth)) return false;
    }
    return input_.ConsumedEntireMessage();
  }

  int64_t bytes() const { return bytes_; }

 private:
  bool CountField(uint32_t tag, const FieldDescriptor* field, int depth) {
    if (field == nullptr ||
        WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      const int before = input_.CurrentPosition();
      if (!WireFormatLite::SkipField(&input_, tag)) return false;
      // Unknown groups are kept with all that is in them.
      const bool group =
          WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_START_GROUP;
      bytes_ += kFieldBytes * (group ? input_.CurrentPosition() - before : 1);
      return true;
    }
    uint32_t size = 0;
    if (!input_.ReadVarint32(&size) || size > std::numeric_limits<int32_t>::max()) return false;
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      bytes_ += MemoryOf(*field, size);
      return input_.Skip(static_cast<int>(size));
    }
    const CodedInputStream::Limit limit = input_.PushLimit(static_cast<int>(size));
    if (input_.BytesUntilLimit() != static_cast<int>(size)) return false;  // beyond the outer one
    if (!Count(*field->message_type(), depth + 1)) return false;
    input_.PopLimit(limit);
    return true;
  }

  static int64_t MemoryOf(const FieldDescriptor& field, int64_t size) {
    switch (field.type()) {
      case FieldDescriptor::TYPE_STRING:
        return kFieldBytes + size;
      case FieldDescriptor::TYPE_BYTES: {
        // Rows stay as they are; the others are codes of ids.
        const bool rows = field.containing_type() == v1::ColumnBlock::descriptor();
        return kFieldBytes + size * (rows ? 1 : 1 + kElementBytes);
      }
      case FieldDescriptor::TYPE_FLOAT:
      case FieldDescriptor::TYPE_DOUBLE:
      case FieldDescriptor::TYPE_FIXED32:
      case FieldDescriptor::TYPE_FIXED64:
        return kFieldBytes + size;
      default:
        return kFieldBytes + size * kElementBytes;  // packed: a byte for each
    }
  }

  CodedInputStream& input_;
  int64_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<int64_t> ParsedBytes(const Descriptor& type,
                                    google::protobuf::io::ZeroCopyInputStream& bytes) {
  CodedInputStream input(&bytes);
  input.SetTotalBytesLimit(std::numeric_limits<int32_t>::max());
  Counter counter(input);
  if (!counter.Count(type, 0)) {
    return absl::InvalidArgumentError(absl::StrCat("the message is no ", type.full_name(),
                                                   ": malformed after byte ",
                                                   input.CurrentPosition()));
  }
  return counter.bytes();
}

}  // namespace graphfeed::wire
