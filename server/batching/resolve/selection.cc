#include "server/batching/resolve/selection.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {

absl::Status CheckSelection(const Selection& selection, int64_t num_graphs) {
  if (selection.kind == Selection::Kind::kRange &&
      (selection.start < 0 || selection.start > selection.stop || selection.stop > num_graphs)) {
    return absl::InvalidArgumentError(absl::StrCat("selection is the range ", selection.start,
                                                   " to ", selection.stop, " of ", num_graphs,
                                                   " graphs"));
  }
  if (selection.kind == Selection::Kind::kIds) {
    for (size_t i = 0; i < selection.ids.size(); ++i) {
      if (selection.ids[i] < 0 || selection.ids[i] >= num_graphs) {
        return absl::InvalidArgumentError(absl::StrCat("selection.ids[", i, "] is ",
                                                       selection.ids[i], "; the dataset has ",
                                                       num_graphs, " graphs"));
      }
    }
  }
  if (selection.size(num_graphs) == 0) {
    return absl::InvalidArgumentError("the selection holds no graphs");
  }
  return absl::OkStatus();
}

absl::StatusOr<Selection> ResolveSelection(const BatchSpec& request, int64_t num_graphs) {
  GF_RETURN_IF_ERROR(CheckSelection(request.selection, num_graphs));
  Selection selection;
  selection.kind = request.selection.kind;
  switch (selection.kind) {
    case Selection::Kind::kAll:
      break;
    case Selection::Kind::kRange:
      selection.start = request.selection.start;
      selection.stop = request.selection.stop;
      break;
    case Selection::Kind::kIds: {
      const std::vector<int64_t>& ids = request.selection.ids;
      const bool counts_up = std::adjacent_find(ids.begin(), ids.end(), [](int64_t a, int64_t b) {
                               return b != a + 1;
                             }) == ids.end();
      if (counts_up) {
        selection.kind = Selection::Kind::kRange;
        selection.start = ids.front();
        selection.stop = ids.back() + 1;
      } else {
        selection.ids = ids;
      }
      break;
    }
  }
  if (selection.kind == Selection::Kind::kRange && selection.start == 0 &&
      selection.stop == num_graphs) {
    selection.kind = Selection::Kind::kAll;
    selection.stop = 0;
  }
  if (request.selection.batch_sizes.empty()) return selection;

  if (Packs(request.strategy)) {
    return absl::InvalidArgumentError(
        "selection.batch_sizes is set, but packing cuts the batches itself");
  }
  if (request.shuffle) {
    return absl::InvalidArgumentError("selection.batch_sizes is set, which excludes shuffle");
  }
  int64_t left = selection.size(num_graphs);
  for (size_t i = 0; i < request.selection.batch_sizes.size(); ++i) {
    const int64_t size = request.selection.batch_sizes[i];
    if (size < 1 || size > left) {
      return absl::InvalidArgumentError(absl::StrCat("selection.batch_sizes[", i, "] is ", size,
                                                     "; ", left, " graphs are left to cut"));
    }
    left -= size;
  }
  if (left != 0) {
    return absl::InvalidArgumentError(absl::StrCat("selection.batch_sizes leave ", left, " of ",
                                                   selection.size(num_graphs), " graphs over"));
  }
  selection.batch_sizes = request.selection.batch_sizes;
  return selection;
}

absl::Status CheckSeedLists(const ResolvedSpec& spec, int64_t num_items) {
  if (!spec.sampling.has_value()) return absl::OkStatus();
  const auto num_seeds = static_cast<size_t>(spec.selection.size(num_items));
  const auto check = [&](absl::string_view field, size_t size) {
    if (size == 0 || size == num_seeds) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("sampling.", field, " has ", size, " entries for ", num_seeds, " seeds"));
  };
  GF_RETURN_IF_ERROR(check("input_time", spec.sampling->input_time.size()));
  if (!spec.sampling->links.has_value()) return absl::OkStatus();
  GF_RETURN_IF_ERROR(check("links.labels", spec.sampling->links->labels.size()));
  return check("links.float_labels", spec.sampling->links->float_labels.size());
}

}  // namespace graphfeed
