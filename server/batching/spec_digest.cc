// The identity of a resolved spec (docs/determinism.md) and its way back to a request.
#include <xxhash.h>

#include "server/batching/options.h"
#include "server/batching/resolved_sampling.h"
#include "server/batching/resolved_spec.h"
#include "storage/base/canonical_writer.h"

namespace graphfeed {
namespace {

constexpr uint8_t kEncodingVersion = 1;

void WriteOptions(const ResolvedOptions& options, const Schema& schema, CanonicalWriter& writer) {
  writer.Strings(schema.node_types);
  writer.I64s(options.num_nodes);
  writer.Strings(EdgeTypeNames(schema));
  writer.I64s(options.num_edges);
  writer.I64(options.num_graphs);
  writer.Double(options.node_pad_value);
  writer.Double(options.edge_pad_value);
  writer.Double(options.graph_pad_value);
  writer.ListOf(options.pad_graph_defaults, [](CanonicalWriter& w, const auto& entry) {
    w.String(entry.first);
    w.Double(entry.second);
  });
}

}  // namespace

Fingerprint SpecDigest(const ResolvedSpec& spec, const Schema& schema) {
  CanonicalWriter writer;
  writer.U8(kEncodingVersion);
  writer.U32(kAlgorithmVersion);
  writer.U8(static_cast<uint8_t>(spec.strategy));
  writer.U8(static_cast<uint8_t>(spec.over_size));
  writer.Bool(spec.fixed_size());
  if (spec.fixed_size()) WriteOptions(spec.options, schema, writer);
  writer.I64(spec.batch_size);
  writer.U8(static_cast<uint8_t>(spec.selection.kind));
  writer.I64(spec.selection.start);
  writer.I64(spec.selection.stop);
  writer.I64s(spec.selection.ids);
  writer.I64s(spec.selection.batch_sizes);
  writer.Bool(spec.shuffle);
  writer.Bool(spec.drop_last);
  writer.U8(static_cast<uint8_t>(spec.incomplete_step));
  writer.I64(spec.micro_batches);
  writer.Bool(spec.masks);
  writer.Strings(spec.exclude_keys);
  writer.Strings(spec.follow_batch);
  writer.U8(static_cast<uint8_t>(spec.index_dtype));
  writer.Strings(spec.narrow_columns);
  writer.Strings(spec.float16_columns);
  if (spec.sampling.has_value()) WriteSampling(*spec.sampling, schema, writer);

  const XXH128_hash_t hash = XXH3_128bits(writer.bytes().data(), writer.bytes().size());
  XXH128_canonical_t canonical;  // big-endian
  XXH128_canonicalFromHash(&canonical, hash);
  Fingerprint digest;
  for (size_t i = 0; i < digest.size(); ++i) digest[i] = canonical.digest[i];
  return digest;
}

BatchSpec SpecFromResolved(const ResolvedSpec& spec, const Schema& schema) {
  BatchSpec request;
  request.strategy = spec.strategy;
  request.over_size = spec.over_size;
  if (spec.fixed_size()) request.options = RequestFromOptions(spec.options, schema);
  request.batch_size = spec.batch_size;
  request.selection = spec.selection;
  request.shuffle = spec.shuffle;
  request.drop_last = spec.drop_last;
  request.incomplete_step = spec.incomplete_step;
  request.micro_batches = spec.micro_batches;
  request.masks = spec.masks;
  request.exclude_keys = spec.exclude_keys;
  request.follow_batch = spec.follow_batch;
  request.index_dtype = spec.index_dtype;
  request.narrow_columns = spec.narrow_columns;
  request.float16_columns = spec.float16_columns;
  request.algorithm_version = kAlgorithmVersion;
  if (spec.sampling.has_value()) {
    request.sampling = SamplingFromResolved(*spec.sampling, schema);
    request.ragged = spec.ragged;
  }
  return request;
}

}  // namespace graphfeed
