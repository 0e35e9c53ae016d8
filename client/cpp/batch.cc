#include <memory>
#include <optional>
#include <utility>

#include "client/cpp/client.h"

namespace graphfeed {

Batch::Batch(std::shared_ptr<const Layout> layout, std::shared_ptr<const Placement> placement,
             FrameInfo info, Slab slab)
    : layout_(std::move(layout)),
      placement_(std::move(placement)),
      info_(std::move(info)),
      slab_(std::move(slab)) {}

Batch::Batch(const Batch& other)
    : layout_(other.layout_),
      placement_(other.placement_),
      info_(other.info_),
      slab_(other.slab_.Share()) {}

Batch& Batch::operator=(const Batch& other) {
  if (this != &other) *this = Batch(other);
  return *this;
}

TensorView Batch::tensor(size_t index) const {
  const TensorPlace& place = placement_->places[index];
  return {.data = slab_.data() + place.offset,
          .dtype = layout_->tensors[index].dtype,
          .shape = place.shape};
}

std::optional<TensorView> Batch::Find(absl::string_view store, absl::string_view name) const {
  const int index = layout_->Find(store, name);
  if (index < 0) return std::nullopt;
  return tensor(static_cast<size_t>(index));
}

}  // namespace graphfeed
