#ifndef GRAPHFEED_SERVER_SHARING_SLAB_SOCKET_H_
#define GRAPHFEED_SERVER_SHARING_SLAB_SOCKET_H_

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "proto/passage/passage.h"
#include "server/sharing/slab_ring.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// The socket over which clients of this host get the memory of their streams and return places of
// it (proto/passage). A client that breaks the rules, or goes, loses what it had; it can return
// nothing but its own. One thread. Thread-safe.
class SlabSocket {
 public:
  // `max_clients` may be connected; others are turned away.
  static absl::StatusOr<std::unique_ptr<SlabSocket>> Listen(std::string socket, size_t max_clients);
  // Clients keep what they have.
  ~SlabSocket();
  SlabSocket(const SlabSocket&) = delete;
  SlabSocket& operator=(const SlabSocket&) = delete;

  // Passes memory to the client that `token` was given to. False: there is none, or it has some
  // already, or cannot be reached.
  bool Pass(absl::string_view token, const std::shared_ptr<SlabRing>& ring);

 private:
  struct Client {
    std::shared_ptr<const passage::Descriptor> connection;  // shared with the ring
    std::string token;
    std::shared_ptr<SlabRing> ring;  // shared with its stream
  };

  SlabSocket(std::string socket, size_t max_clients, passage::Descriptor listening,
             passage::Descriptor events, passage::Descriptor stop);
  void Run();
  void Accept();
  void Read(int connection);
  std::optional<Client> Forget(int connection);
  void Drop(int connection);

  const std::string socket_;
  const size_t max_clients_;
  const passage::Descriptor listening_;
  const passage::Descriptor events_;  // epoll
  const passage::Descriptor stop_;    // readable: end
  bool accepting_ = true;             // of the thread: false while descriptors are short
  Mutex mu_;
  std::map<int, Client> clients_ ABSL_GUARDED_BY(mu_);                        // by connection
  std::map<std::string, int, std::less<>> connections_ ABSL_GUARDED_BY(mu_);  // by token
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SHARING_SLAB_SOCKET_H_
