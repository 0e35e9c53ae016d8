#ifndef GRAPHFEED_PROTO_WIRE_MESSAGE_FIELDS_H_
#define GRAPHFEED_PROTO_WIRE_MESSAGE_FIELDS_H_

// Private to proto/wire: the fields of a spec's values (proto/frame/spec_fields.h) and those of the
// same names in their messages, by protobuf's reflection. Lists of ids are coded (EncodeIds), those
// of floats their bytes; maps
// are lists of entries whose field 1 is the key and whose field 2 is the value.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
#include "proto/frame/spec_fields.h"
#include "proto/wire/enums.h"

namespace graphfeed::wire {

using google::protobuf::Message;

// A visitor that writes fields to `message`. The message must have a field of each name.
class FieldWriter {
 public:
  explicit FieldWriter(Message& message);

  void operator()(const char* name, bool value);
  void operator()(const char* name, int64_t value);
  void operator()(const char* name, uint32_t value);
  void operator()(const char* name, double value);
  void operator()(const char* name, const std::string& value);
  void operator()(const char* name, const std::vector<std::string>& values);
  void operator()(const char* name, const std::vector<int64_t>& ids);
  void operator()(const char* name, const std::vector<float>& values);
  void operator()(const char* name, const std::map<std::string, int64_t>& values);
  void operator()(const char* name, const std::map<std::string, double>& values);
  void operator()(const char* name, const std::map<std::string, std::vector<int64_t>>& values);
  template <typename E>
  requires std::is_enum_v<E>
  void operator()(const char* name, E value) { WriteEnum(name, static_cast<int>(value)); }
  template <HasFields T>
  void operator()(const char* name, const std::optional<T>& value) {
    if (value.has_value()) ForEachField(*value, FieldWriter(Child(name)));
  }

 private:
  void WriteEnum(const char* name, int value);
  Message& Child(const char* name);
  Message& AddEntry(const char* name, const std::string& key);

  Message& message_;
  const google::protobuf::Reflection& reflection_;
};

// A visitor that reads fields from `message`; `prefix` comes before the names of its fields in
// errors. What cannot be read is left as it is, and the first such error kept.
class FieldReader {
 public:
  explicit FieldReader(const Message& message, std::string prefix = "");

  void operator()(const char* name, bool& value);
  void operator()(const char* name, int64_t& value);
  void operator()(const char* name, uint32_t& value);
  void operator()(const char* name, double& value);
  void operator()(const char* name, std::string& value);
  void operator()(const char* name, std::vector<std::string>& values);
  void operator()(const char* name, std::vector<int64_t>& ids);
  void operator()(const char* name, std::vector<float>& values);
  void operator()(const char* name, std::map<std::string, int64_t>& values);
  void operator()(const char* name, std::map<std::string, double>& values);
  void operator()(const char* name, std::map<std::string, std::vector<int64_t>>& values);
  template <typename E>
  requires std::is_enum_v<E>
  void operator()(const char* name, E& value) {
    Take(EnumFromProto<E>(Enum(name), Path(name)), value);
  }
  template <HasFields T>
  void operator()(const char* name, std::optional<T>& value) {
    const Message* child = Child(name);
    if (child == nullptr) return;
    FieldReader reader(*child, Path(name) + ".");
    ForEachField(value.emplace(), reader);
    Note(reader.status());
  }

  // A field that is read in another way.
  template <typename T>
  void Take(absl::StatusOr<T> read, T& value) {
    Note(read.status());
    if (read.ok()) value = *std::move(read);
  }

  const absl::Status& status() const { return status_; }

 private:
  std::string Path(const char* name) const { return prefix_ + name; }
  int Enum(const char* name) const;
  const Message* Child(const char* name) const;  // null if it is not set
  // `read` for each entry: with its key and the entry.
  template <typename Read>
  void ForEachEntry(const char* name, Read read);
  void Note(const absl::Status& status) { status_.Update(status); }

  const Message& message_;
  const google::protobuf::Reflection& reflection_;
  const std::string prefix_;
  absl::Status status_;
};

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_MESSAGE_FIELDS_H_
