#include "proto/wire/enums.h"

#include <algorithm>
#include <limits>

#include "graphfeed/v1/batch.pb.h"
#include "proto/frame/layout.h"
#include "proto/frame/strategy.h"
#include "proto/frame/stream_info.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {
namespace {

// Whether the values of a message's enum, but one that says "not set", are those of ours: both in
// ascending order, with the message's largest beside them.
template <typename E, typename Message, size_t N>
constexpr bool AreOurs(const Message (&values)[N], Message largest) {
  if (N != kNumValues<E>) return false;
  for (size_t i = 0; i < N; ++i) {
    if (static_cast<int>(values[i]) != static_cast<int>(EnumTable<E>::kEntries[i].value)) {
      return false;
    }
  }
  return values[N - 1] == largest;
}

static_assert(AreOurs<Strategy>({v1::PLAIN, v1::PAD_TO_MAX, v1::STREAM_PACK, v1::NEIGHBOR,
                                 v1::CLUSTER, v1::PACK},
                                v1::Strategy_MAX));
static_assert(AreOurs<OverSize>({v1::OVER_SIZE_ERROR, v1::OVER_SIZE_SKIP, v1::OVER_SIZE_TRIM_NODES,
                                 v1::OVER_SIZE_TRIM_EDGES, v1::OVER_SIZE_TRIM_NODES_AND_EDGES},
                                v1::OverSize_MAX));
static_assert(AreOurs<IncompleteStep>({v1::INCOMPLETE_STEP_FILL, v1::INCOMPLETE_STEP_DROP},
                                      v1::IncompleteStep_MAX));
static_assert(AreOurs<SubgraphType>({v1::Sampling::DIRECTIONAL, v1::Sampling::BIDIRECTIONAL,
                                     v1::Sampling::INDUCED},
                                    v1::Sampling::SubgraphType_MAX));
static_assert(AreOurs<TemporalStrategy>({v1::Sampling::UNIFORM, v1::Sampling::LAST},
                                        v1::Sampling::TemporalStrategy_MAX));
static_assert(AreOurs<NegativeMode>({v1::Sampling::Links::NONE, v1::Sampling::Links::BINARY,
                                     v1::Sampling::Links::TRIPLET},
                                    v1::Sampling::Links::NegativeMode_MAX));
static_assert(AreOurs<UnevenShards>({v1::UNEVEN_SHARDS_NULL, v1::UNEVEN_SHARDS_REPEAT,
                                     v1::UNEVEN_SHARDS_DROP},
                                    v1::UnevenShards_MAX));
static_assert(AreOurs<Encoding>({v1::ENCODING_DENSE, v1::ENCODING_COMPACT}, v1::Encoding_MAX));
static_assert(AreOurs<Axis>({v1::AXIS_NODES, v1::AXIS_EDGES, v1::AXIS_GRAPHS, v1::AXIS_PTR,
                             v1::AXIS_SEEDS, v1::AXIS_LABELS, v1::AXIS_ROWS},
                            v1::Axis_MAX));

template <typename E, typename Message>
constexpr bool Same(E ours, Message message) {
  return static_cast<int>(ours) == static_cast<int>(message);
}

static_assert(Same(DType::kBool, v1::BOOL) && Same(DType::kUint8, v1::UINT8) &&
              Same(DType::kInt8, v1::INT8) && Same(DType::kInt16, v1::INT16) &&
              Same(DType::kInt32, v1::INT32) && Same(DType::kInt64, v1::INT64) &&
              Same(DType::kFloat16, v1::FLOAT16) && Same(DType::kFloat32, v1::FLOAT32) &&
              Same(DType::kFloat64, v1::FLOAT64) && Same(DType::kString, v1::STRING) &&
              Same(DType::kString, v1::DType_MAX));
static_assert(Same(Level::kNode, v1::NODE) && Same(Level::kEdge, v1::EDGE) &&
              Same(Level::kGraph, v1::GRAPH) && Same(Level::kGraph, v1::Level_MAX));

}  // namespace

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
