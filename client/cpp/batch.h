#ifndef GRAPHFEED_CLIENT_CPP_BATCH_H_
#define GRAPHFEED_CLIENT_CPP_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "proto/frame/layout.h"
#include "proto/frame/slab.h"
#include "proto/frame/stream_info.h"
#include "storage/graph/dtype.h"

namespace graphfeed {

// A typed view of one tensor of a batch; valid while the batch (or a copy of it) is.
struct TensorView {
  std::byte* data = nullptr;
  DType dtype = DType::kFloat32;
  absl::Span<const int64_t> shape;
};

// One frame: a slab and how to read it. Copies share the slab, which is reused only when the last
// copy is gone.
class Batch {
 public:
  const Layout& layout() const { return *layout_; }
  const std::shared_ptr<const Layout>& shared_layout() const { return layout_; }
  const FrameInfo& info() const { return info_; }
  // Places of this frame's tensors, by tensor of the layout.
  const Placement& placement() const { return *placement_; }
  // nullopt when there is no such tensor. `store` is "" in homogeneous batches.
  std::optional<TensorView> Find(absl::string_view store, absl::string_view name) const;
  TensorView tensor(size_t index) const;
  std::byte* data() const { return slab_.data(); }

  Batch(std::shared_ptr<const Layout> layout, std::shared_ptr<const Placement> placement,
        FrameInfo info, Slab slab);
  Batch(const Batch& other);
  Batch& operator=(const Batch& other);
  Batch(Batch&&) = default;
  Batch& operator=(Batch&&) = default;

 private:
  std::shared_ptr<const Layout> layout_;        // shared by all batches of a stream
  std::shared_ptr<const Placement> placement_;  // shared by all batches unless ragged
  FrameInfo info_;
  Slab slab_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_BATCH_H_
