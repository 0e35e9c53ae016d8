#ifndef GRAPHFEED_PROTO_PASSAGE_PASSAGE_H_
#define GRAPHFEED_PROTO_PASSAGE_PASSAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// How a server passes memory to clients of its own host (docs/wire_format.md): a Unix socket of
// packets beside the one of gRPC. A connection gets a token, which the client puts into the request
// of a stream; then, before that stream's header, the memory that its frames lie in. The client
// sends the number of every place that it has done with. What the stream says behind its header
// comes as packets too, if the client takes them: for a hundred bytes gRPC wakes a thread at either
// side, a packet none but whoever waits for it.

namespace graphfeed::passage {

// A descriptor that is closed in the end. Move-only.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor() { Close(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int Release();
  void Close();

 private:
  int fd_ = -1;
};

inline constexpr size_t kTokenBytes = 16;
using Token = std::array<char, kTokenBytes>;

// What the memory is: `places` of `place_bytes` each, one behind the other.
struct Memory {
  uint32_t places = 0;
  int64_t place_bytes = 0;
};

// Places begin at pages.
int64_t PlaceBytes(int64_t slab_bytes);

// Where a server that listens for gRPC on `address` passes memory; nullopt: it cannot, since that
// is no Unix socket.
std::optional<std::string> SocketOf(absl::string_view address);

// UNAVAILABLE if somebody listens on the Unix socket `address` (of any kind), or a file has its
// path that is no socket. OK for other addresses.
absl::Status CheckFree(const std::string& address);

// A listening socket, in the place of one that a dead server left, or a connection. Neither blocks.
// UNAVAILABLE with the reason.
absl::StatusOr<Descriptor> Listen(const std::string& socket);
absl::StatusOr<Descriptor> Connect(const std::string& socket);
// A path's file goes with its server.
void Remove(const std::string& socket);

// One packet. UNAVAILABLE: the other side is gone, or does not listen.
absl::Status SendToken(int connection, const Token& token);
absl::Status SendMemory(int connection, const Memory& memory, int fd);
absl::Status SendPlace(int connection, uint32_t place);

// A StreamBatchesResponse, of so many bytes at most. UNAVAILABLE also where there is no room.
inline constexpr size_t kMaxMessageBytes = 16384;
absl::Status SendMessage(int connection, absl::string_view message);
// No message comes any more, at the sender's or at the receiver's will: what has been sent is
// received, then the end.
void EndMessages(int connection);
void RefuseMessages(int connection);
// Waits for the next one, which lies in the buffer. nullopt at the end, which an empty packet may
// be, too. A packet that is too long is received as an empty message. UNAVAILABLE: there may be
// more, but it cannot be received.
absl::StatusOr<std::optional<absl::string_view>> ReceiveMessage(int connection,
                                                                std::string& buffer);

// Waits for a packet for up to `timeout_ms`. UNAVAILABLE: none came, or the other side is gone;
// DATA_LOSS: it is another.
absl::StatusOr<Token> ReceiveToken(int connection, int timeout_ms);
absl::StatusOr<Descriptor> ReceiveMemory(int connection, int timeout_ms, Memory& memory);

// Does not wait. nullopt: nothing is there. UNAVAILABLE: the other side is gone; DATA_LOSS.
absl::StatusOr<std::optional<uint32_t>> ReceivePlace(int connection);

}  // namespace graphfeed::passage

#endif  // GRAPHFEED_PROTO_PASSAGE_PASSAGE_H_
