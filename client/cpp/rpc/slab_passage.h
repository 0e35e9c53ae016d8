#ifndef GRAPHFEED_CLIENT_CPP_RPC_SLAB_PASSAGE_H_
#define GRAPHFEED_CLIENT_CPP_RPC_SLAB_PASSAGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/frame/slab.h"
#include "proto/passage/passage.h"

namespace graphfeed {

// What a server says of a stream beside its call, for one thread.
class PassageMessages {
 public:
  virtual ~PassageMessages() = default;
  // Blocks for the next one, which lies in the buffer. nullopt: there are no more here. Errors:
  // there may be more.
  virtual absl::StatusOr<std::optional<absl::string_view>> Receive(std::string& buffer) = 0;
  // What has come can be received still, then there is no more. Any thread.
  virtual void Refuse() = 0;
};

// The frames of one stream in memory that its server passes, where both are on one host
// (proto/passage). A batch is then a view of what the server wrote; its place goes back when the
// last view is gone, in whatever thread.
//
// Views outlive this object, the stream and the server.
//
// A forked child keeps the views that it inherited, as copies at the same addresses, so that
// nothing the server writes later shows in them. It returns no places.
//
// Thread-compatible.
class SlabPassage {
 public:
  // A connection to the server at `address`, before a stream is asked for. UNAVAILABLE: it passes
  // no memory, or the process keeps batches of many ended streams; not an error, its frames travel.
  static absl::StatusOr<std::unique_ptr<SlabPassage>> Connect(absl::string_view address);
  ~SlabPassage();

  // To be put into the request.
  std::string token() const { return {token_.data(), token_.size()}; }

  // Maps the memory that has come for a stream whose header says `places` of slabs of `slab_bytes`.
  // Errors: what has come is not that, or cannot be mapped.
  absl::Status Map(uint32_t places, int64_t slab_bytes);

  // After Map. Shared with slabs.
  std::shared_ptr<PassageMessages> messages() const;

  // The slab at a place, from 1 on. DATA_LOSS: there is none, or it is in use.
  absl::StatusOr<Slab> Take(uint32_t place);
  // Places that have slabs now.
  uint32_t num_taken() const;
  uint32_t places() const;

 private:
  class Memory;

  SlabPassage(passage::Descriptor connection, const passage::Token& token);
  SlabPassage(const SlabPassage&) = delete;  // forks know it by its address
  SlabPassage& operator=(const SlabPassage&) = delete;

  passage::Descriptor connection_;  // until the memory has it; none in a forked child
  const passage::Token token_;
  std::shared_ptr<Memory> memory_;  // shared with slabs
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_RPC_SLAB_PASSAGE_H_
