#include "server/sharing/slab_ring.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/check.h"

namespace graphfeed {
namespace {

std::atomic<int64_t> kept_bytes{0};

absl::Status NoMemory(absl::string_view what, int64_t bytes) {
  return absl::ResourceExhaustedError(
      absl::StrCat("no shared memory of ", bytes, " bytes: ", what, ": ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::shared_ptr<SlabRing>> SlabRing::Create(uint32_t places, int64_t slab_bytes) {
  GF_CHECK(places > 0 && slab_bytes >= 0) << places << " of " << slab_bytes;
  int64_t bytes = 0;
  if (__builtin_mul_overflow(passage::PlaceBytes(slab_bytes), static_cast<int64_t>(places),
                             &bytes)) {
    errno = EOVERFLOW;
    return NoMemory("its size", INT64_MAX);
  }
  passage::Descriptor memory(memfd_create("graphfeed-slabs", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory) return NoMemory("memfd_create", bytes);
  if (ftruncate(memory.get(), bytes) != 0) return NoMemory("ftruncate", bytes);
  // Cut by the client, it would end us (SIGBUS).
  if (fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return NoMemory("sealing", bytes);
  }
  void* const data = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED,
                          memory.get(), 0);
  if (bytes > 0 && data == MAP_FAILED) return NoMemory("mmap", bytes);
  return std::shared_ptr<SlabRing>(
      new SlabRing(std::move(memory), static_cast<std::byte*>(data), places, slab_bytes));
}

SlabRing::SlabRing(passage::Descriptor memory, std::byte* data, uint32_t places, int64_t slab_bytes)
    : memory_(std::move(memory)),
      data_(data),
      places_(places),
      slab_bytes_(slab_bytes),
      place_bytes_(passage::PlaceBytes(slab_bytes)),
      blocks_(std::make_unique<SlabBlock[]>(places)),
      counted_(places, true),
      lent_(places) {
  for (uint32_t place = places; place > 0; --place) {
    SlabBlock& block = blocks_[place - 1];
    block.data = data_ + (place - 1) * place_bytes_;
    block.size = block.capacity = slab_bytes_;
    free_.push_back(place);
  }
  SlabPool::AddBytes(places_ * place_bytes_);
}

SlabRing::~SlabRing() {
  {
    MutexLock lock(&mu_);
    for (uint32_t place = 1; place <= places_; ++place) Count(place, false);
  }
  (void)munmap(data_, static_cast<size_t>(places_ * place_bytes_));
}

void SlabRing::Passed(std::shared_ptr<const passage::Descriptor> connection) {
  memory_.Close();
  MutexLock lock(&mu_);
  connection_ = std::move(connection);
}

bool SlabRing::SendMessage(absl::string_view message) {
  std::shared_ptr<const passage::Descriptor> connection;
  {
    MutexLock lock(&mu_);
    connection = connection_;
  }
  if (connection == nullptr) return false;
  if (passage::SendMessage(connection->get(), message).ok()) return true;
  EndMessages();
  return false;
}

void SlabRing::EndMessages() {
  std::shared_ptr<const passage::Descriptor> connection;
  {
    MutexLock lock(&mu_);
    connection = std::move(connection_);
  }
  if (connection != nullptr) passage::EndMessages(connection->get());
}

Slab SlabRing::Take() {
  uint32_t place = 0;
  {
    MutexLock lock(&mu_);
    if (free_.empty()) return Slab();
    place = free_.back();  // the one used last: it is warm
    free_.pop_back();
    Count(place, true);
  }
  return Slab::Of(&blocks_[place - 1], shared_from_this());
}

void SlabRing::Return(SlabBlock* block) {
  const auto place = static_cast<uint32_t>(block - blocks_.get() + 1);
  MutexLock lock(&mu_);
  if (left_) return;
  free_.push_back(place);
  if (stream_ended_) Discard(place);
}

void SlabRing::Count(uint32_t place, bool counts) {
  if (counted_[place - 1] == counts) return;
  counted_[place - 1] = counts;
  SlabPool::AddBytes(counts ? place_bytes_ : -place_bytes_);
}

void SlabRing::DiscardFree() {
  MutexLock lock(&mu_);
  for (const uint32_t place : free_) Discard(place);
}

// Nobody reads the place again. Shared memory is given back by punching a hole, which its mapping
// can do.
void SlabRing::Discard(uint32_t place) {
  Count(place, false);
  (void)madvise(data_ + (place - 1) * place_bytes_, static_cast<size_t>(place_bytes_), MADV_REMOVE);
}

uint32_t SlabRing::Lend(Slab slab, absl::AnyInvocable<void() &&> released) {
  const auto place = static_cast<uint32_t>((slab.data() - data_) / place_bytes_ + 1);
  {
    MutexLock lock(&mu_);
    if (!closed_) {
      GF_CHECK(!lent_[place - 1].has_value()) << place;
      lent_[place - 1] = Loan{.slab = std::move(slab), .released = std::move(released)};
      return place;
    }
  }
  slab = Slab();
  std::move(released)();
  return place;
}

bool SlabRing::TakeBack(uint32_t place) {
  std::optional<Loan> loan;
  {
    MutexLock lock(&mu_);
    if (place == 0 || place > places_) return false;
    loan.swap(lent_[place - 1]);
  }
  if (!loan.has_value()) return false;
  loan->slab = Slab();
  if (loan->released) {
    std::move(loan->released)();
  } else {
    kept_bytes.fetch_sub(place_bytes_, std::memory_order_relaxed);
  }
  return true;
}

void SlabRing::EndStream() {
  std::vector<absl::AnyInvocable<void() &&>> released;
  {
    MutexLock lock(&mu_);
    stream_ended_ = true;
    for (std::optional<Loan>& loan : lent_) {
      if (!loan.has_value() || !loan->released) continue;
      released.push_back(std::move(loan->released));
      loan->released = nullptr;
      kept_bytes.fetch_add(place_bytes_, std::memory_order_relaxed);
    }
    for (const uint32_t place : free_) Discard(place);
  }
  for (absl::AnyInvocable<void() &&>& release : released) std::move(release)();
}

int64_t SlabRing::KeptBytes() { return kept_bytes.load(std::memory_order_relaxed); }

void SlabRing::Close() {
  std::shared_ptr<const passage::Descriptor> connection;
  {
    MutexLock lock(&mu_);
    closed_ = true;
    connection = std::move(connection_);
  }
  connection.reset();
  for (uint32_t place = 1; place <= places_; ++place) (void)TakeBack(place);
}

void SlabRing::Leave() {
  {
    MutexLock lock(&mu_);
    left_ = true;
  }
  Close();
}

}  // namespace graphfeed
