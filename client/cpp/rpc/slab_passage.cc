#include "client/cpp/rpc/slab_passage.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr uint32_t kMaxPlaces = 1 << 14;  // no server's prefetch is near it
// Memories of ended streams, of which a program keeps batches: each is a connection, at both sides.
constexpr int kMostKept = 64;
constexpr int kTimeoutMs = 5000;  // a server of this host that does not even greet has trouble

absl::Status NotMapped(absl::string_view what) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the server's memory cannot be mapped: ", what, ": ", std::strerror(errno)));
}

}  // namespace

class SlabPassage::Memory final : public SlabMemory,
                                  public PassageMessages,
                                  public std::enable_shared_from_this<Memory> {
 public:
  // Takes the passage's connection.
  static absl::StatusOr<std::shared_ptr<Memory>> Map(SlabPassage& passage,
                                                     const passage::Descriptor& file,
                                                     uint32_t places, int64_t slab_bytes);
  ~Memory() override;

  // All connections of the process, for forks.
  struct Registry {
    absl::Mutex mu;
    std::set<SlabPassage*> passages ABSL_GUARDED_BY(mu);  // without memory yet
    std::set<Memory*> memories ABSL_GUARDED_BY(mu);
    int kept ABSL_GUARDED_BY(mu) = 0;  // of memories, those whose streams have ended
  };
  static Registry& registry();

  absl::StatusOr<Slab> Take(uint32_t place);
  uint32_t num_taken() const {
    absl::MutexLock lock(&mu_);
    return num_taken_;
  }
  uint32_t places() const { return places_; }

  // With the registry's mutex.
  void EndStream(Registry& all) ABSL_EXCLUSIVE_LOCKS_REQUIRED(all.mu) {
    stream_ended_ = true;
    ++all.kept;
  }

  // No child of a fork comes here: its threads are its own.
  absl::StatusOr<std::optional<absl::string_view>> Receive(std::string& buffer) override {
    return passage::ReceiveMessage(messages_, buffer);
  }
  void Refuse() override { passage::RefuseMessages(messages_); }

 private:
  enum class State : uint8_t { kFree, kTaken };

  Memory(passage::Descriptor connection, std::byte* data, uint32_t places, int64_t slab_bytes)
      : data_(data),
        places_(places),
        slab_bytes_(slab_bytes),
        place_bytes_(passage::PlaceBytes(slab_bytes)),
        blocks_(std::make_unique<SlabBlock[]>(places)),
        messages_(connection.get()),
        connection_(std::move(connection)),
        states_(places, State::kFree) {
    returned_.reserve(places);
    for (uint32_t place = 1; place <= places_; ++place) {
      SlabBlock& block = blocks_[place - 1];
      block.data = At(place);
      block.size = block.capacity = slab_bytes_;
    }
  }

  std::byte* At(uint32_t place) const { return data_ + (place - 1) * place_bytes_; }
  // The server may write to the place again.
  void Return(SlabBlock* block) override;
  void SendReturned() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CopyTaken() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropCopies() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MoveToCopies() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  static void BeforeFork() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  static void InParent() ABSL_NO_THREAD_SAFETY_ANALYSIS;
  static void InChild() ABSL_NO_THREAD_SAFETY_ANALYSIS;

  std::byte* const data_;
  const uint32_t places_;
  const int64_t slab_bytes_;
  const int64_t place_bytes_;
  const std::unique_ptr<SlabBlock[]> blocks_;  // by place
  const int messages_;                         // connection_, as its receiver has it
  bool stream_ended_ = false;                  // guarded by the registry's mutex

  mutable absl::Mutex mu_;
  passage::Descriptor connection_ ABSL_GUARDED_BY(mu_);  // none in a forked child
  std::vector<State> states_ ABSL_GUARDED_BY(mu_);       // by place
  uint32_t num_taken_ ABSL_GUARDED_BY(mu_) = 0;
  // Places that the server has not been told of yet, in any order.
  std::vector<uint32_t> returned_ ABSL_GUARDED_BY(mu_);
  std::vector<void*> copies_ ABSL_GUARDED_BY(mu_);  // by place, during a fork
};

SlabPassage::Memory::Registry& SlabPassage::Memory::registry() {
  static Registry& registry = *[] {
    (void)pthread_atfork(&BeforeFork, &InParent, &InChild);
    return new Registry;  // views may outlive static objects
  }();
  return registry;
}

absl::StatusOr<std::shared_ptr<SlabPassage::Memory>> SlabPassage::Memory::Map(
    SlabPassage& passage, const passage::Descriptor& file, uint32_t places, int64_t slab_bytes) {
  const int64_t bytes = places * passage::PlaceBytes(slab_bytes);
  // A file that were cut later would end this process.
  const int seals = fcntl(file.get(), F_GET_SEALS);
  struct stat info = {};
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat(file.get(), &info) != 0 ||
      info.st_size != bytes) {
    return absl::DataLossError(
        absl::StrCat("the server passed ", info.st_size, " bytes of memory that ",
                     seals < 0 || (seals & F_SEAL_SHRINK) == 0 ? "can shrink" : "cannot shrink",
                     "; it is ", bytes, " that cannot"));
  }
  void* const data =
      mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) return NotMapped("mmap");
  Registry& all = registry();
  absl::MutexLock lock(&all.mu);
  std::shared_ptr<Memory> memory(new Memory(std::move(passage.connection_),
                                            static_cast<std::byte*>(data), places, slab_bytes));
  all.passages.erase(&passage);
  all.memories.insert(memory.get());
  return memory;
}

SlabPassage::Memory::~Memory() {
  {
    Registry& all = registry();
    absl::MutexLock lock(&all.mu);
    all.memories.erase(this);
    if (stream_ended_) --all.kept;
  }
  (void)munmap(data_, static_cast<size_t>(places_ * place_bytes_));
}

absl::StatusOr<Slab> SlabPassage::Memory::Take(uint32_t place) {
  absl::MutexLock lock(&mu_);
  SendReturned();
  if (place == 0 || place > places_ || states_[place - 1] != State::kFree) {
    return absl::DataLossError(
        absl::StrCat("a frame at place ", place, " of ", places_,
                     place > 0 && place <= places_ ? ", which is in use" : ""));
  }
  states_[place - 1] = State::kTaken;
  ++num_taken_;
  return Slab::Of(&blocks_[place - 1], shared_from_this());
}

void SlabPassage::Memory::Return(SlabBlock* block) {
  const auto place = static_cast<uint32_t>(block - blocks_.get() + 1);
  absl::MutexLock lock(&mu_);
  if (!connection_) return;  // in a forked child: the place is its parent's
  states_[place - 1] = State::kFree;
  --num_taken_;
  returned_.push_back(place);
  SendReturned();
}

// Some hundreds at once may find no room. They go with the next one, or when a frame comes: with so
// many returned before them, one does. Where the server has gone nobody wants them.
void SlabPassage::Memory::SendReturned() {
  while (!returned_.empty() && passage::SendPlace(connection_.get(), returned_.back()).ok()) {
    returned_.pop_back();
  }
}

// What the parent goes on to use stays as it is: other threads may be writing to it.
void SlabPassage::Memory::CopyTaken() {
  copies_.assign(places_, nullptr);
  for (uint32_t place = 1; place <= places_; ++place) {
    if (states_[place - 1] != State::kTaken) continue;
    void* const copy = mmap(nullptr, static_cast<size_t>(place_bytes_), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED) continue;  // the child cannot look at it then
    std::memcpy(copy, At(place), static_cast<size_t>(slab_bytes_));
    copies_[place - 1] = copy;
  }
}

void SlabPassage::Memory::DropCopies() {
  for (void* const copy : copies_) {
    if (copy != nullptr) (void)munmap(copy, static_cast<size_t>(place_bytes_));
  }
  copies_.clear();
}

void SlabPassage::Memory::MoveToCopies() {
  const auto bytes = static_cast<size_t>(place_bytes_);
  for (uint32_t place = 1; place <= places_; ++place) {
    void* const copy = copies_[place - 1];
    if (copy != nullptr &&
        mremap(copy, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, At(place)) != MAP_FAILED) {
      continue;
    }
    (void)mmap(At(place), bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  }
  copies_.clear();
}

void SlabPassage::Memory::BeforeFork() {
  Registry& all = registry();
  all.mu.Lock();
  for (Memory* memory : all.memories) {
    memory->mu_.Lock();
    memory->CopyTaken();
  }
}

void SlabPassage::Memory::InParent() {
  Registry& all = registry();
  for (Memory* memory : all.memories) {
    memory->DropCopies();
    memory->mu_.Unlock();
  }
  all.mu.Unlock();
}

// What the parent is sent later does not concern it, and the server is to notice the parent's end.
void SlabPassage::Memory::InChild() {
  Registry& all = registry();
  for (SlabPassage* passage : all.passages) passage->connection_.Close();
  for (Memory* memory : all.memories) {
    memory->connection_.Close();
    memory->MoveToCopies();
    memory->mu_.Unlock();
  }
  all.mu.Unlock();
}

absl::StatusOr<std::unique_ptr<SlabPassage>> SlabPassage::Connect(absl::string_view address) {
  const std::optional<std::string> socket = passage::SocketOf(address);
  if (!socket.has_value()) return absl::UnavailableError("not a server of this host");
  {
    Memory::Registry& all = Memory::registry();
    absl::MutexLock lock(&all.mu);
    if (all.kept >= kMostKept) {
      return absl::UnavailableError(absl::StrCat("batches of ", all.kept, " streams are kept"));
    }
  }
  GF_ASSIGN_OR_RETURN(passage::Descriptor connection, passage::Connect(*socket));
  GF_ASSIGN_OR_RETURN(const passage::Token token,
                      passage::ReceiveToken(connection.get(), kTimeoutMs));
  return std::unique_ptr<SlabPassage>(new SlabPassage(std::move(connection), token));
}

SlabPassage::SlabPassage(passage::Descriptor connection, const passage::Token& token)
    : connection_(std::move(connection)), token_(token) {
  Memory::Registry& all = Memory::registry();
  absl::MutexLock lock(&all.mu);
  all.passages.insert(this);
}

SlabPassage::~SlabPassage() {
  Memory::Registry& all = Memory::registry();
  absl::MutexLock lock(&all.mu);
  all.passages.erase(this);
  if (memory_ != nullptr) memory_->EndStream(all);
}

absl::Status SlabPassage::Map(uint32_t places, int64_t slab_bytes) {
  if (places > kMaxPlaces) {
    return absl::DataLossError(
        absl::StrCat("the server shares ", places, " places; at most ", kMaxPlaces));
  }
  passage::Memory passed;
  GF_ASSIGN_OR_RETURN(const passage::Descriptor file,
                      passage::ReceiveMemory(connection_.get(), kTimeoutMs, passed));
  if (passed.places != places || passed.place_bytes != passage::PlaceBytes(slab_bytes)) {
    return absl::DataLossError(absl::StrCat("the server passed ", passed.places, " places of ",
                                            passed.place_bytes, " bytes; the stream has ", places,
                                            " of slabs of ", slab_bytes));
  }
  GF_ASSIGN_OR_RETURN(memory_, Memory::Map(*this, file, places, slab_bytes));
  return absl::OkStatus();
}

std::shared_ptr<PassageMessages> SlabPassage::messages() const { return memory_; }

absl::StatusOr<Slab> SlabPassage::Take(uint32_t place) {
  if (memory_ == nullptr) return absl::DataLossError("a frame in memory that was not passed");
  return memory_->Take(place);
}

uint32_t SlabPassage::num_taken() const { return memory_ == nullptr ? 0 : memory_->num_taken(); }

uint32_t SlabPassage::places() const { return memory_ == nullptr ? 0 : memory_->places(); }

}  // namespace graphfeed
