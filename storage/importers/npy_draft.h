#ifndef GRAPHFEED_STORAGE_IMPORTERS_NPY_DRAFT_H_
#define GRAPHFEED_STORAGE_IMPORTERS_NPY_DRAFT_H_

#include <string>

#include "absl/status/statusor.h"

namespace graphfeed {

// A schema.json for the .npy files of a folder, to be looked over: what their names and sizes tell.
//
// Files edge_index__SOURCE__RELATION__TARGET.npy make it heterogeneous: then
// NAME__SOURCE__RELATION__ TARGET.npy is a column of that edge type, TYPE_NAME.npy one of a node
// type, and any other of the graph. Three (or two) files PREFIX_indptr, PREFIX_indices and
// PREFIX_data are a sparse column, with as many columns as the largest index asks for. uint8 masks
// become bool. A level is left out where sizes do not tell it.
absl::StatusOr<std::string> DraftNpySchema(const std::string& folder);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_IMPORTERS_NPY_DRAFT_H_
