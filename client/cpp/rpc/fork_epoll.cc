#include "client/cpp/rpc/fork_epoll.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <grpc/grpc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;

// What an epoll instance watches.
struct Watched {
  int descriptor = 0;
  epoll_event event{};
};

// The library or program that an address belongs to.
const void* ObjectOf(const void* address) {
  Dl_info info;
  return dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

// The one that wakes gRPC's instance is known by its address, a variable of gRPC's.
bool IsGrpcs(const Watched& watched) {
  const void* grpc = ObjectOf(reinterpret_cast<const void*>(&grpc_init));
  return grpc != nullptr && ObjectOf(watched.event.data.ptr) == grpc;
}

std::string KindOf(int descriptor) {
  std::error_code error;
  return fs::read_symlink(absl::StrCat("/proc/self/fd/", descriptor), error).string();
}

std::vector<int> EpollInstances() {
  std::vector<int> descriptors;
  std::error_code error;
  for (fs::directory_iterator entry("/proc/self/fd", error); !error && entry != fs::end(entry);
       entry.increment(error)) {
    int descriptor = 0;
    if (absl::SimpleAtoi(entry->path().filename().string(), &descriptor) &&
        KindOf(descriptor) == "anon_inode:[eventpoll]") {
      descriptors.push_back(descriptor);
    }
  }
  return descriptors;
}

std::vector<Watched> WatchedBy(int epoll) {
  std::vector<Watched> all;
  std::ifstream file(absl::StrCat("/proc/self/fdinfo/", epoll));
  for (std::string line; std::getline(file, line);) {
    Watched watched;
    uint32_t events = 0;
    uint64_t data = 0;
    if (std::sscanf(line.c_str(), "tfd: %d events: %" SCNx32 " data: %" SCNx64, &watched.descriptor,
                    &events, &data) != 3) {
      continue;
    }
    watched.event.events = events;
    watched.event.data.u64 = data;
    all.push_back(watched);
  }
  return all;
}

// Puts what `fresh` refers to under the number `descriptor`.
void Replace(int descriptor, int fresh) {
  dup3(fresh, descriptor, O_CLOEXEC);
  close(fresh);
}

}  // namespace

void ReplaceInheritedEpoll() {
  for (const int epoll : EpollInstances()) {
    std::vector<Watched> own;
    for (const Watched& watched : WatchedBy(epoll)) {
      if (IsGrpcs(watched) && KindOf(watched.descriptor) == "anon_inode:[eventfd]") {
        own.push_back(watched);
      }
    }
    if (own.empty()) continue;
    Replace(epoll, epoll_create1(EPOLL_CLOEXEC));
    for (Watched& watched : own) {
      Replace(watched.descriptor, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
      epoll_ctl(epoll, EPOLL_CTL_ADD, watched.descriptor, &watched.event);
    }
  }
}

}  // namespace graphfeed
