#include "proto/passage/passage.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/base/arithmetic.h"
#include "storage/base/status_macros.h"

namespace graphfeed::passage {
namespace {

constexpr absl::string_view kSuffix = ".slabs";
constexpr absl::string_view kPath = "unix:";
constexpr absl::string_view kAbstract = "unix-abstract:";
constexpr int64_t kPageBytes = 4096;
constexpr int kBacklog = 64;

absl::Status Unavailable(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

// As sockets take it; an abstract name begins with a zero.
struct Address {
  sockaddr_un name = {};
  socklen_t size = 0;
};

absl::StatusOr<Address> AddressOf(const std::string& socket) {
  const bool abstract = absl::StartsWith(socket, kAbstract);
  const absl::string_view text =
      absl::string_view(socket).substr(abstract ? kAbstract.size() : kPath.size());
  Address address;
  address.name.sun_family = AF_UNIX;
  if (text.empty() || text.size() + 1 >= sizeof(address.name.sun_path)) {
    return absl::UnavailableError(absl::StrCat("\"", socket, "\" is too long for a socket"));
  }
  text.copy(address.name.sun_path + (abstract ? 1 : 0), text.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + text.size() + 1);
  return address;
}

absl::StatusOr<Descriptor> MakeSocket() {
  Descriptor made(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made) return Unavailable("a socket");
  return made;
}

absl::Status Send(int connection, const void* bytes, size_t size, int fd = -1) {
  iovec part = {const_cast<void*>(bytes), size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof(fd));
  }
  for (;;) {
    const ssize_t sent = sendmsg(connection, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(size)) return absl::OkStatus();
    if (sent >= 0) return absl::UnavailableError("a packet was cut");
    if (errno != EINTR) return Unavailable("sending");
  }
}

// The size of the packet, 0 at the end; nullopt: nothing is there.
absl::StatusOr<std::optional<size_t>> ReceiveOnce(int connection, void* bytes, size_t size,
                                                  Descriptor* passed) {
  iovec part = {bytes, size};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (passed != nullptr) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
  }
  ssize_t received = 0;
  do {
    received = recvmsg(connection, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (received < 0 && errno == EINTR);
  if (received < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::nullopt;
    return Unavailable("receiving");
  }
  if (passed != nullptr) {
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
      *passed = Descriptor(fd);
    }
  }
  if ((message.msg_flags & MSG_TRUNC) != 0) return size + 1;
  return static_cast<size_t>(received);
}

// The kernel looks for a packet, then for the end, so what has come in between is still there when
// it says that the end has come. Then nothing can come any more: a second look finds it.
absl::StatusOr<std::optional<size_t>> Receive(int connection, void* bytes, size_t size,
                                              Descriptor* passed) {
  GF_ASSIGN_OR_RETURN(const std::optional<size_t> received,
                      ReceiveOnce(connection, bytes, size, passed));
  if (received != 0) return received;
  GF_ASSIGN_OR_RETURN(const std::optional<size_t> late,
                      ReceiveOnce(connection, bytes, size, passed));
  return late.value_or(0);
}

absl::Status WaitFor(int connection, int timeout_ms) {
  pollfd waiting = {connection, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&waiting, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready > 0) return absl::OkStatus();
  if (ready < 0) return Unavailable("waiting");
  return absl::UnavailableError(absl::StrCat("nothing came in ", timeout_ms, " ms"));
}

absl::Status ReceiveWhole(int connection, int timeout_ms, void* bytes, size_t size,
                          Descriptor* passed) {
  GF_RETURN_IF_ERROR(WaitFor(connection, timeout_ms));
  GF_ASSIGN_OR_RETURN(const std::optional<size_t> received,
                      Receive(connection, bytes, size, passed));
  if (received == size) return absl::OkStatus();
  if (received.value_or(0) == 0) return absl::UnavailableError("the server has gone");
  return absl::DataLossError(absl::StrCat("a packet of ", *received, " bytes, not of ", size));
}

// Both sides are of one machine: its byte order.
struct MemoryPacket {
  uint64_t places;
  uint64_t place_bytes;
};

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = other.Release();
  }
  return *this;
}

int Descriptor::Release() { return std::exchange(fd_, -1); }

void Descriptor::Close() {
  if (fd_ >= 0) (void)close(std::exchange(fd_, -1));
}

int64_t PlaceBytes(int64_t slab_bytes) { return CeilDivide(slab_bytes, kPageBytes) * kPageBytes; }

std::optional<std::string> SocketOf(absl::string_view address) {
  if (!absl::StartsWith(address, kPath) && !absl::StartsWith(address, kAbstract)) {
    return std::nullopt;
  }
  return absl::StrCat(address, kSuffix);
}

absl::Status CheckFree(const std::string& address) {
  if (!SocketOf(address).has_value()) return absl::OkStatus();
  GF_ASSIGN_OR_RETURN(const Address asked, AddressOf(address));
  struct stat info = {};
  const bool path = asked.name.sun_path[0] != '\0';
  if (path && lstat(asked.name.sun_path, &info) != 0) return absl::OkStatus();
  if (path && !S_ISSOCK(info.st_mode)) {
    return absl::UnavailableError(
        absl::StrCat(address, " is a file that is no socket; it stays as it is"));
  }
  GF_ASSIGN_OR_RETURN(const Descriptor connection, MakeSocket());
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&asked.name), asked.size) != 0 &&
      errno != EPROTOTYPE && errno != EAGAIN) {
    return absl::OkStatus();  // nobody is behind it
  }
  return absl::UnavailableError(absl::StrCat("another process listens on ", address));
}

absl::StatusOr<Descriptor> Listen(const std::string& socket) {
  GF_RETURN_IF_ERROR(CheckFree(socket));
  GF_ASSIGN_OR_RETURN(const Address address, AddressOf(socket));
  GF_ASSIGN_OR_RETURN(Descriptor listening, MakeSocket());
  Remove(socket);
  if (bind(listening.get(), reinterpret_cast<const sockaddr*>(&address.name), address.size) != 0 ||
      listen(listening.get(), kBacklog) != 0) {
    return Unavailable(absl::StrCat("listening on ", socket));
  }
  return listening;
}

absl::StatusOr<Descriptor> Connect(const std::string& socket) {
  GF_ASSIGN_OR_RETURN(const Address address, AddressOf(socket));
  GF_ASSIGN_OR_RETURN(Descriptor connection, MakeSocket());
  if (connect(connection.get(), reinterpret_cast<const sockaddr*>(&address.name), address.size) !=
      0) {
    return Unavailable(absl::StrCat("connecting to ", socket));
  }
  return connection;
}

void Remove(const std::string& socket) {
  const absl::StatusOr<Address> address = AddressOf(socket);
  if (address.ok() && address->name.sun_path[0] != '\0') (void)unlink(address->name.sun_path);
}

absl::Status SendToken(int connection, const Token& token) {
  return Send(connection, token.data(), token.size());
}

absl::Status SendMemory(int connection, const Memory& memory, int fd) {
  const MemoryPacket packet = {memory.places, static_cast<uint64_t>(memory.place_bytes)};
  return Send(connection, &packet, sizeof(packet), fd);
}

absl::Status SendPlace(int connection, uint32_t place) {
  return Send(connection, &place, sizeof(place));
}

absl::Status SendMessage(int connection, absl::string_view message) {
  if (message.size() > kMaxMessageBytes) {
    return absl::UnavailableError(absl::StrCat("a message of ", message.size(), " bytes"));
  }
  return Send(connection, message.data(), message.size());
}

void EndMessages(int connection) { (void)shutdown(connection, SHUT_WR); }

void RefuseMessages(int connection) { (void)shutdown(connection, SHUT_RD); }

absl::StatusOr<std::optional<absl::string_view>> ReceiveMessage(int connection,
                                                                std::string& buffer) {
  buffer.resize(kMaxMessageBytes);
  // Where the other side has closed with something unread, that is told once, and before what it
  // has sent.
  bool told = false;
  for (;;) {
    const absl::StatusOr<std::optional<size_t>> received =
        Receive(connection, buffer.data(), buffer.size(), nullptr);
    if (!received.ok()) {
      if (std::exchange(told, true)) return received.status();
      continue;
    }
    if (received->has_value()) {
      const size_t size = **received;
      if (size == 0) return std::nullopt;
      return absl::string_view(buffer).substr(0, size > buffer.size() ? 0 : size);
    }
    GF_RETURN_IF_ERROR(WaitFor(connection, /*timeout_ms=*/-1));
  }
}

absl::StatusOr<Token> ReceiveToken(int connection, int timeout_ms) {
  Token token;
  GF_RETURN_IF_ERROR(ReceiveWhole(connection, timeout_ms, token.data(), token.size(), nullptr));
  return token;
}

absl::StatusOr<Descriptor> ReceiveMemory(int connection, int timeout_ms, Memory& memory) {
  MemoryPacket packet = {};
  Descriptor passed;
  GF_RETURN_IF_ERROR(ReceiveWhole(connection, timeout_ms, &packet, sizeof(packet), &passed));
  if (!passed) return absl::DataLossError("a packet without a descriptor");
  if (packet.places > UINT32_MAX || packet.place_bytes > static_cast<uint64_t>(INT64_MAX)) {
    return absl::DataLossError(
        absl::StrCat(packet.places, " places of ", packet.place_bytes, " bytes"));
  }
  memory = {.places = static_cast<uint32_t>(packet.places),
            .place_bytes = static_cast<int64_t>(packet.place_bytes)};
  return passed;
}

absl::StatusOr<std::optional<uint32_t>> ReceivePlace(int connection) {
  uint32_t place = 0;
  GF_ASSIGN_OR_RETURN(const std::optional<size_t> received,
                      Receive(connection, &place, sizeof(place), nullptr));
  if (!received.has_value()) return std::nullopt;
  if (*received == 0) return absl::UnavailableError("the client has gone");
  if (*received != sizeof(place)) {
    return absl::DataLossError(absl::StrCat("a packet of ", *received, " bytes"));
  }
  return std::optional<uint32_t>(place);
}

}  // namespace graphfeed::passage
