// The identity of a resolved spec (docs/determinism.md) and its way back to a request.
#include <string>
#include <type_traits>

#include "proto/frame/spec_fields.h"
#include "server/batching/resolve/sizes.h"
#include "server/batching/resolved_sampling.h"
#include "server/batching/resolved_spec.h"
#include "server/batching/reverse_types.h"
#include "storage/base/canonical_writer.h"
#include "storage/base/digest.h"

namespace graphfeed {
namespace {

constexpr uint8_t kEncodingVersion = 1;

// Writes the fields of a resolved spec, one after the other, as what they are: numbers of types
// and columns as their names.
class FieldEncoder {
 public:
  FieldEncoder(const Schema& schema, CanonicalWriter& writer) : schema_(schema), writer_(writer) {}

  // A visitor of the fields of `value`.
  template <typename T>
  auto Of(const T& value) {
    return [this, &value](const char* name, auto member) { (*this)(name, value.*member); };
  }

  void operator()(absl::string_view /*name*/, bool value) { writer_.Bool(value); }
  void operator()(absl::string_view /*name*/, int64_t value) { writer_.I64(value); }
  void operator()(absl::string_view /*name*/, double value) { writer_.Double(value); }
  void operator()(absl::string_view /*name*/, const std::string& value) { writer_.String(value); }
  void operator()(absl::string_view /*name*/, const std::vector<std::string>& values) {
    writer_.Strings(values);
  }
  template <typename E>
  requires std::is_enum_v<E>
  void operator()(absl::string_view /*name*/, E value) { writer_.U8(static_cast<uint8_t>(value)); }
  void operator()(absl::string_view name, int number) { writer_.String(NameOf(name, number)); }
  // Came later than the others: specs without them have the digests that they had.
  void operator()(absl::string_view name, const std::vector<float>& values) {
    if (values.empty()) return;
    writer_.String(name);
    writer_.ListOf(values, [](CanonicalWriter& w, float value) { w.Double(value); });
  }
  void operator()(absl::string_view name, const std::map<std::string, int64_t>& values) {
    if (values.empty()) return;
    writer_.String(name);
    writer_.ListOf(values, [](CanonicalWriter& w, const auto& entry) {
      w.String(entry.first);
      w.I64(entry.second);
    });
  }
  void operator()(absl::string_view name, const std::vector<int64_t>& values) {
    if (name == "num_nodes") writer_.Strings(schema_.node_types);
    if (name == "num_edges") writer_.Strings(EdgeTypeNames(schema_));
    writer_.I64s(values);
  }
  void operator()(absl::string_view /*name*/, const std::vector<std::vector<int64_t>>& lists) {
    writer_.ListOf(lists, [](CanonicalWriter& w, const auto& list) { w.I64s(list); });
  }
  void operator()(absl::string_view /*name*/, const std::map<std::string, double>& values) {
    writer_.ListOf(values, [](CanonicalWriter& w, const auto& entry) {
      w.String(entry.first);
      w.Double(entry.second);
    });
  }
  void operator()(absl::string_view /*name*/, const Selection& selection) {
    writer_.U8(static_cast<uint8_t>(selection.kind));
    writer_.I64(selection.start);
    writer_.I64(selection.stop);
    writer_.I64s(selection.ids);
    writer_.I64s(selection.batch_sizes);
  }
  void operator()(absl::string_view /*name*/, const ResolvedOptions& options) {
    VisitOptionFields<ResolvedOptions>(Of(options));
  }
  // Its strategy has said already whether there is one.
  void operator()(absl::string_view /*name*/, const std::optional<ResolvedSampling>& sampling) {
    if (sampling.has_value()) VisitSamplingFields<ResolvedSampling>(Of(*sampling));
  }
  void operator()(absl::string_view /*name*/, const std::optional<ResolvedLinks>& links) {
    writer_.Bool(links.has_value());
    if (links.has_value()) VisitLinkFields<ResolvedLinks>(Of(*links));
  }

 private:
  std::string NameOf(absl::string_view field, int number) const {
    if (field == "input_type") return schema_.node_types[number];
    if (field == "edge_type") return schema_.EdgeTypeName(number);
    return number < 0 ? "" : schema_.columns[number].name;  // a column
  }

  const Schema& schema_;
  CanonicalWriter& writer_;
};

// visit(name, version) for each algorithm that the spec uses.
template <typename Visitor>
void VisitUsedAlgorithms(const ResolvedSpec& spec, const Schema& schema,
                         const AlgorithmVersions& versions, const Visitor& visit) {
  const auto write = [&visit](bool used, const char* name, uint32_t version) {
    if (used) visit(name, version);
  };
  const bool neighbors = spec.strategy == Strategy::kNeighbor;
  write(spec.shuffle, "shuffle", versions.shuffle);
  write(PackingOf(spec.strategy) == Packing::kInOrder, "packing", versions.packing);
  write(spec.over_size >= OverSize::kTrimNodes, "trimming", versions.trimming);
  write(neighbors, "neighbors", versions.neighbors);
  write(neighbors && !spec.sampling->weight_columns.empty(), "weighted_neighbors",
        versions.weighted_neighbors);
  write(neighbors && spec.sampling->temporal_strategy == TemporalStrategy::kLast,
        "latest_neighbors", versions.latest_neighbors);
  write(spec.strategy == Strategy::kCluster, "clusters", versions.clusters);
  const bool links = neighbors && spec.sampling->links.has_value();
  const bool negatives = links && spec.sampling->links->negative_mode != NegativeMode::kNone;
  write(negatives, "negatives", versions.negatives);
  write(negatives && spec.sampling->HasTimedNegatives(schema), "timed_negatives",
        versions.timed_negatives);
  write(neighbors && !spec.sampling->time_columns.empty() && !spec.sampling->input_time.empty(),
        "given_times", versions.given_times);
  write(links && spec.sampling->links->exclude_seed_edges &&
            HasUnnamedReverse(schema, spec.sampling->links->edge_type),
        "unnamed_reverses", versions.unnamed_reverses);
  write(links && spec.sampling->links->keep_labels, "kept_labels", versions.kept_labels);
  write(PackingOf(spec.strategy) == Packing::kLookAhead, "look_ahead_packing",
        versions.look_ahead_packing);
}

}  // namespace

Fingerprint SpecDigest(const ResolvedSpec& spec, const Schema& schema,
                       const AlgorithmVersions& algorithms) {
  CanonicalWriter writer;
  writer.U8(kEncodingVersion);
  writer.U32(kAlgorithmVersion);
  FieldEncoder encoder(schema, writer);
  VisitSpecFields<ResolvedSpec>([&](absl::string_view name, auto member) {
    if constexpr (std::is_same_v<decltype(member), ResolvedOptions ResolvedSpec::*>) {
      writer.Bool(spec.fixed_size());
      if (!spec.fixed_size()) return;
    }
    encoder(name, spec.*member);
  });
  VisitUsedAlgorithms(spec, schema, algorithms, [&writer](const char* name, uint32_t version) {
    if (version == 1) return;  // as before there were others
    writer.String(name);
    writer.U32(version);
  });
  Digester digester;
  digester.Update(writer.bytes());
  return digester.Finish();
}

BatchSpec SpecFromResolved(const ResolvedSpec& spec, const Schema& schema) {
  BatchSpec request;
  VisitSpecFields<ResolvedSpec, BatchSpec>(CopyFields(spec, request));
  if (spec.fixed_size()) request.options = RequestFromOptions(spec.options, schema);
  request.algorithm_version = kAlgorithmVersion;
  VisitUsedAlgorithms(spec, schema, spec.algorithms, [&](const char* name, uint32_t version) {
    request.algorithms[name] = version;
  });
  if (spec.sampling.has_value()) {
    request.sampling = SamplingFromResolved(*spec.sampling, schema);
    request.ragged = spec.ragged;
  }
  return request;
}

}  // namespace graphfeed
