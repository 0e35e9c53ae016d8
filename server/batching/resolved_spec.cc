#include "server/batching/resolved_spec.h"

#include "proto/frame/spec_fields.h"
#include "server/batching/resolve/columns.h"
#include "server/batching/resolve/scalars.h"
#include "server/batching/resolve/selection.h"
#include "server/batching/resolve/sizes.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

template <typename T>
int64_t BytesOf(const std::vector<T>& list) {
  return static_cast<int64_t>(list.capacity() * sizeof(T));
}

int64_t BytesOf(const std::vector<std::string>& list) {
  size_t bytes = list.capacity() * sizeof(std::string);
  for (const std::string& text : list) bytes += text.capacity();
  return static_cast<int64_t>(bytes);
}

}  // namespace

int64_t ResolvedSpec::list_bytes() const {
  int64_t bytes = BytesOf(selection.ids) + BytesOf(selection.batch_sizes) + BytesOf(exclude_keys) +
                  BytesOf(follow_batch) + BytesOf(narrow_columns) + BytesOf(float16_columns);
  if (!sampling.has_value()) return bytes;
  bytes += BytesOf(sampling->input_time);
  if (sampling->links.has_value()) {
    bytes += BytesOf(sampling->links->sources) + BytesOf(sampling->links->targets) +
             BytesOf(sampling->links->labels) + BytesOf(sampling->links->float_labels);
  }
  return bytes;
}

std::vector<std::string> EdgeTypeNames(const Schema& schema) {
  std::vector<std::string> names;
  for (size_t r = 0; r < schema.edge_types.size(); ++r) {
    names.push_back(schema.EdgeTypeName(static_cast<int>(r)));
  }
  return names;
}

absl::StatusOr<ResolvedSpec> ResolveSpec(const BatchSpec& request, const DatasetInfo& dataset,
                                         const GraphOffsets& offsets) {
  const Schema& schema = dataset.schema;
  GF_RETURN_IF_ERROR(CheckScalars(request));
  ResolvedSpec spec;
  VisitSpecFields<BatchSpec, ResolvedSpec>(CopyFields(request, spec));  // resolved below
  if (Samples(request.strategy)) {
    GF_ASSIGN_OR_RETURN(spec.sampling, ResolveSampling(request, dataset));
  }
  GF_ASSIGN_OR_RETURN(spec.algorithms, ResolveAlgorithms(request.algorithms));
  spec.ragged = request.ragged || !Pads(request.strategy);
  spec.masks = request.masks && spec.fixed_size();
  spec.node_types = schema.node_types;
  spec.edge_types = EdgeTypeNames(schema);
  GF_ASSIGN_OR_RETURN(spec.selection, ResolveSelection(request, offsets.num_graphs));
  GF_RETURN_IF_ERROR(ResolveSizes(request, schema, offsets, spec));
  GF_RETURN_IF_ERROR(CheckSeedLists(spec, offsets.num_graphs));
  GF_RETURN_IF_ERROR(ResolveColumns(request, dataset, offsets, spec));
  return spec;
}

}  // namespace graphfeed
