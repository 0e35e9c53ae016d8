#include "server/sharing/slab_socket.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

bool Watch(int events, int fd) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return epoll_ctl(events, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SlabSocket>> SlabSocket::Listen(std::string socket,
                                                               size_t max_clients) {
  GF_ASSIGN_OR_RETURN(passage::Descriptor listening, passage::Listen(socket));
  passage::Descriptor events(epoll_create1(EPOLL_CLOEXEC));
  passage::Descriptor stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!events || !stop || !Watch(events.get(), listening.get()) ||
      !Watch(events.get(), stop.get())) {
    return absl::UnavailableError(
        absl::StrCat("listening on ", socket, ": ", std::strerror(errno)));
  }
  return std::unique_ptr<SlabSocket>(new SlabSocket(
      std::move(socket), max_clients, std::move(listening), std::move(events), std::move(stop)));
}

SlabSocket::SlabSocket(std::string socket, size_t max_clients, passage::Descriptor listening,
                       passage::Descriptor events, passage::Descriptor stop)
    : socket_(std::move(socket)),
      max_clients_(max_clients),
      listening_(std::move(listening)),
      events_(std::move(events)),
      stop_(std::move(stop)),
      thread_([this] { Run(); }) {}

SlabSocket::~SlabSocket() {
  const uint64_t one = 1;
  (void)!write(stop_.get(), &one, sizeof(one));
  thread_.join();
  passage::Remove(socket_);
  for (;;) {
    int connection = -1;
    {
      MutexLock lock(&mu_);
      if (clients_.empty()) break;
      connection = clients_.begin()->first;
    }
    const std::optional<Client> client = Forget(connection);
    if (client->ring != nullptr) client->ring->Leave();
  }
}

bool SlabSocket::Pass(absl::string_view token, const std::shared_ptr<SlabRing>& ring) {
  MutexLock lock(&mu_);
  const auto found = connections_.find(token);
  if (found == connections_.end()) return false;
  Client& client = clients_.at(found->second);
  if (client.ring != nullptr) return false;
  if (!passage::SendMemory(found->second, ring->memory(), ring->fd()).ok()) return false;
  ring->Passed(client.connection);
  client.ring = ring;
  return true;
}

void SlabSocket::Run() {
  constexpr int kEvents = 64;
  constexpr int kPauseMs = 100;
  epoll_event events[kEvents];
  for (;;) {
    const int ready = epoll_wait(events_.get(), events, kEvents, accepting_ ? -1 : kPauseMs);
    if (ready == 0) accepting_ = Watch(events_.get(), listening_.get());
    if (ready < 0 && errno != EINTR) return;
    for (int i = 0; i < ready; ++i) {
      const int fd = events[i].data.fd;
      if (fd == stop_.get()) return;
      if (fd == listening_.get()) {
        Accept();
      } else {
        Read(fd);
      }
    }
  }
}

void SlabSocket::Accept() {
  passage::Descriptor connection(
      accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection) {
    // Who waits to be accepted would wake epoll again at once.
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
      accepting_ = epoll_ctl(events_.get(), EPOLL_CTL_DEL, listening_.get(), nullptr) != 0;
    }
    return;
  }
  passage::Token token;
  if (getrandom(token.data(), token.size(), 0) != static_cast<ssize_t>(token.size())) return;
  MutexLock lock(&mu_);
  if (clients_.size() >= max_clients_) return;
  const int fd = connection.get();
  Client client{.connection = std::make_shared<passage::Descriptor>(std::move(connection)),
                .token = std::string(token.data(), token.size()),
                .ring = nullptr};
  if (!passage::SendToken(fd, token).ok() || !Watch(events_.get(), fd)) return;
  connections_.emplace(client.token, fd);
  clients_.emplace(fd, std::move(client));
}

void SlabSocket::Read(int connection) {
  std::shared_ptr<SlabRing> ring;
  {
    MutexLock lock(&mu_);
    const auto client = clients_.find(connection);
    if (client == clients_.end()) return;
    ring = client->second.ring;
  }
  for (;;) {
    const absl::StatusOr<std::optional<uint32_t>> place = passage::ReceivePlace(connection);
    if (place.ok() && !place->has_value()) return;
    if (!place.ok() || ring == nullptr || !ring->TakeBack(**place)) return Drop(connection);
  }
}

std::optional<SlabSocket::Client> SlabSocket::Forget(int connection) {
  MutexLock lock(&mu_);
  const auto found = clients_.find(connection);
  if (found == clients_.end()) return std::nullopt;
  std::optional<Client> client = std::move(found->second);
  connections_.erase(client->token);
  clients_.erase(found);
  // It is closed when nobody sends any more.
  (void)epoll_ctl(events_.get(), EPOLL_CTL_DEL, connection, nullptr);
  return client;
}

void SlabSocket::Drop(int connection) {
  const std::optional<Client> client = Forget(connection);
  if (client.has_value() && client->ring != nullptr) client->ring->Close();
}

}  // namespace graphfeed
