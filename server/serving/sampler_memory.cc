#include "server/serving/sampler_memory.h"

#include <utility>

#include "server/sampling/node_table.h"
#include "storage/base/arithmetic.h"

namespace graphfeed {

class SamplerMemory::Holder {
 public:
  explicit Holder(std::shared_ptr<SamplerMemory> memory) : memory_(std::move(memory)) {}
  ~Holder() { memory_->Release(); }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

 private:
  const std::shared_ptr<SamplerMemory> memory_;  // shared with recipes
};

SamplerMemory::SamplerMemory(Admission& admission, int64_t table_bytes, int max_tables)
    : admission_(admission),
      table_bytes_(table_bytes),
      max_tables_(static_cast<size_t>(max_tables)),
      scratch_(0) {}

std::shared_ptr<const void> SamplerMemory::Hold() {
  auto holder = std::make_shared<const Holder>(shared_from_this());
  MutexLock lock(&mu_);
  ++num_holders_;
  while (tables_.size() < max_tables_) {
    auto table = admission_.ReserveShared("a table of nodes", table_bytes_,
                                          /*leave_bytes=*/table_bytes_);
    if (!table.ok()) break;
    tables_.push_back(*std::move(table));
  }
  scratch_.SetMaxDense(static_cast<int>(tables_.size()));
  return holder;
}

void SamplerMemory::Release() {
  MutexLock lock(&mu_);
  if (--num_holders_ > 0) return;
  scratch_.SetMaxDense(0);
  tables_.clear();
}

int64_t SamplerMemory::charged_bytes() const {
  MutexLock lock(&mu_);
  return static_cast<int64_t>(tables_.size()) * table_bytes_;
}

std::shared_ptr<SamplerMemory> SamplerMemories::Of(const DatasetInfo& dataset) {
  MutexLock lock(&mu_);
  std::erase_if(memories_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<SamplerMemory>& known = memories_[dataset.fingerprint];
  std::shared_ptr<SamplerMemory> memory = known.lock();
  if (memory == nullptr) {
    const int64_t num_nodes = Sum(dataset.num_nodes);
    memory =
        std::make_shared<SamplerMemory>(admission_, kDenseBytesPerNode * num_nodes, max_tables_);
    known = memory;
  }
  return memory;
}

int64_t SamplerMemories::charged_bytes() const {
  MutexLock lock(&mu_);
  int64_t bytes = 0;
  for (const auto& [fingerprint, known] : memories_) {
    if (const std::shared_ptr<SamplerMemory> memory = known.lock())
      bytes += memory->charged_bytes();
  }
  return bytes;
}

}  // namespace graphfeed
