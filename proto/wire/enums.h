#ifndef GRAPHFEED_PROTO_WIRE_ENUMS_H_
#define GRAPHFEED_PROTO_WIRE_ENUMS_H_

// Private to proto/wire: enum values and small checks that several messages share.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "graphfeed/v1/dataset.pb.h"
#include "proto/frame/named_enum.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/dtype.h"
#include "storage/graph/schema.h"

namespace graphfeed::wire {

// "<field>: <problem>".
inline absl::Status FieldError(absl::string_view field, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": ", problem));
}

// The messages' enums have the same values as ours (enums.cc asserts it).
template <typename Enum>
absl::StatusOr<Enum> EnumFromProto(int value, absl::string_view field) {
  if (const std::optional<Enum> ours = FromNumber<Enum>(value)) return *ours;
  return FieldError(field, absl::StrCat("unknown value ", value));
}

// Adds an entry of a list that says something of each type.
template <typename Value>
absl::Status AddByType(const std::string& type, Value value, absl::string_view field,
                       std::map<std::string, Value>& entries) {
  if (entries.emplace(type, std::move(value)).second) return absl::OkStatus();
  return FieldError(field, absl::StrCat("type \"", type, "\" given twice"));
}

inline v1::DType ToProto(DType dtype) { return static_cast<v1::DType>(dtype); }
inline v1::Level ToProto(Level level) { return static_cast<v1::Level>(level); }
absl::StatusOr<DType> DTypeFromProto(v1::DType dtype, absl::string_view field);
absl::StatusOr<Level> LevelFromProto(v1::Level level, absl::string_view field);

// An unsigned index or count that our types keep as an int.
absl::StatusOr<int> IntFromProto(uint32_t value, absl::string_view field);

// 16 bytes.
std::string ToProto(const Fingerprint& fingerprint);
absl::StatusOr<Fingerprint> FingerprintFromProto(absl::string_view bytes, absl::string_view field);

template <typename Repeated, typename T>
void CopyTo(const std::vector<T>& from, Repeated* to) {
  to->Reserve(static_cast<int>(from.size()));
  for (const T& value : from) *to->Add() = value;
}

v1::EdgeType EdgeTypeToProto(const EdgeType& type, const std::vector<std::string>& node_types);
// INVALID_ARGUMENT when an end is not among `node_types`.
absl::StatusOr<EdgeType> EdgeTypeFromProto(const v1::EdgeType& message,
                                           const std::vector<std::string>& node_types,
                                           absl::string_view field);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_ENUMS_H_
