#include "proto/wire/enums.h"

#include <algorithm>
#include <limits>

#include "storage/base/status_macros.h"

namespace graphfeed::wire {

absl::StatusOr<DType> DTypeFromProto(v1::DType dtype, absl::string_view field) {
  if (dtype == v1::DTYPE_UNSPECIFIED) return FieldError(field, "not set");
  if (!v1::DType_IsValid(dtype)) {
    return FieldError(field, absl::StrCat("unknown value ", static_cast<int>(dtype), "; at most ",
                                          static_cast<int>(v1::DType_MAX)));
  }
  return static_cast<DType>(dtype);
}

absl::StatusOr<Level> LevelFromProto(v1::Level level, absl::string_view field) {
  if (level == v1::LEVEL_UNSPECIFIED) return FieldError(field, "not set");
  if (!v1::Level_IsValid(level)) {
    return FieldError(field, absl::StrCat("unknown value ", static_cast<int>(level), "; at most ",
                                          static_cast<int>(v1::Level_MAX)));
  }
  return static_cast<Level>(level);
}

absl::StatusOr<int> IntFromProto(uint32_t value, absl::string_view field) {
  constexpr uint32_t kMax = std::numeric_limits<int>::max();
  if (value > kMax) return FieldError(field, absl::StrCat(value, "; at most ", kMax));
  return static_cast<int>(value);
}

std::string ToProto(const Fingerprint& fingerprint) {
  return std::string(reinterpret_cast<const char*>(fingerprint.data()), fingerprint.size());
}

absl::StatusOr<Fingerprint> FingerprintFromProto(absl::string_view bytes, absl::string_view field) {
  Fingerprint result{};
  if (bytes.size() != result.size()) {
    return FieldError(field,
                      absl::StrCat(bytes.size(), " bytes; a fingerprint has ", result.size()));
  }
  std::copy(bytes.begin(), bytes.end(), result.begin());
  return result;
}

v1::EdgeType EdgeTypeToProto(const EdgeType& type, const std::vector<std::string>& node_types) {
  v1::EdgeType message;
  message.set_source(node_types[type.source]);
  message.set_relation(type.relation);
  message.set_target(node_types[type.target]);
  return message;
}

absl::StatusOr<EdgeType> EdgeTypeFromProto(const v1::EdgeType& message,
                                           const std::vector<std::string>& node_types,
                                           absl::string_view field) {
  auto index = [&](const std::string& name, absl::string_view end) -> absl::StatusOr<int> {
    auto it = std::find(node_types.begin(), node_types.end(), name);
    if (it == node_types.end()) {
      return FieldError(field, absl::StrCat(end, " \"", name, "\" is not among the node types"));
    }
    return static_cast<int>(it - node_types.begin());
  };
  GF_ASSIGN_OR_RETURN(const int source, index(message.source(), "source"));
  GF_ASSIGN_OR_RETURN(const int target, index(message.target(), "target"));
  return EdgeType{.source = source, .relation = message.relation(), .target = target};
}

}  // namespace graphfeed::wire
