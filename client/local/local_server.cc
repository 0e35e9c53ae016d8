#include "client/local/local_server.h"

#include <pthread.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <new>
#include <optional>
#include <system_error>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cpp/fork.h"
#include "client/local/process_gate.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

using Inode = std::pair<dev_t, ino_t>;
// Of the folder's catalogue: it is written anew and renamed whenever anything is published.
using Edition = std::tuple<ino_t, int64_t, int64_t, int64_t>;

std::optional<Inode> InodeOf(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return std::nullopt;
  return Inode(info.st_dev, info.st_ino);
}

Edition EditionOf(const std::string& path) {
  struct stat info = {};
  if (stat(absl::StrCat(path, "/CATALOG").c_str(), &info) != 0) return {};
  return {info.st_ino, info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size};
}

absl::StatusOr<ServerConfig> ConfigOf(const std::string& folder) {
  std::vector<std::string> flags = {absl::StrCat("--data-dir=", folder)};
  if (const char* text = std::getenv("GRAPHFEED_LOCAL_FLAGS"); text != nullptr) {
    for (const absl::string_view flag : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
      flags.emplace_back(flag);
    }
  }
  std::vector<const char*> arguments;
  arguments.reserve(flags.size());
  for (const std::string& flag : flags) arguments.push_back(flag.c_str());
  absl::StatusOr<CommandLine> parsed = ParseFlags(arguments);
  if (!parsed.ok()) {
    return absl::Status(parsed.status().code(),
                        absl::StrCat("GRAPHFEED_LOCAL_FLAGS: ", parsed.status().message()));
  }
  parsed->config.data_dir = folder;
  return parsed->config;
}

}  // namespace

absl::StatusOr<std::shared_ptr<LocalServer>> LocalServer::Open(const std::string& folder, Use use) {
  GF_ASSIGN_OR_RETURN(const ServerConfig config, ConfigOf(folder));
  const WithinGate within;
  GF_ASSIGN_OR_RETURN(
      std::unique_ptr<ServerCore> core,
      ServerCore::Open(
          config, {.access = use == Use::kWrite ? StoreAccess::kReadWrite : StoreAccess::kBeside},
          nullptr, &ProcessGate::Get()));
  std::shared_ptr<LocalServer> server(new LocalServer(std::move(core)));
  if (use == Use::kWrite) {
    server->watch_ = std::make_unique<StoreWatch>(
        *server->core().catalog,
        [&core = server->core()] {
          core.ForgetDeleted();
          return absl::OkStatus();
        },
        [](const absl::Status&) {});
  }
  return server;
}

LocalServer::~LocalServer() {
  ProcessGate::Get().ReopenAtEnd();
  watch_.reset();
  core_->calls.Drain();
  core_->StopPools();
}

// A folder's servers.
class LocalFolder::Shared {
 public:
  // That of an inode, which exists while anybody has it. Null: there is no folder.
  static std::shared_ptr<Shared> Find(const std::string& path);
  ~Shared();

  bool Is(const std::string& path) const { return InodeOf(path) == inode_; }
  absl::StatusOr<std::shared_ptr<LocalServer>> Server(const std::string& path,
                                                      LocalServer::Use use);

 private:
  struct Table {
    Mutex mu;
    std::map<Inode, std::weak_ptr<Shared>> folders ABSL_GUARDED_BY(mu);
  };
  static Table& table();
  static void BeforeFork() ABSL_NO_THREAD_SAFETY_ANALYSIS { table().mu.Lock(); }
  static void InParent() ABSL_NO_THREAD_SAFETY_ANALYSIS { table().mu.Unlock(); }
  // What it knew is the parent's.
  static void InChild() { new (&table()) Table; }

  explicit Shared(const Inode& inode) : inode_(inode) {}

  const Inode inode_;
  Mutex mu_;
  Edition edition_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<LocalServer> server_ ABSL_GUARDED_BY(mu_);  // for new calls; shared with calls
};

LocalFolder::Shared::Table& LocalFolder::Shared::table() {
  static Table& table = *[] {
    auto* made = new Table;  // clients may outlive static objects
    (void)pthread_atfork(&BeforeFork, &InParent, &InChild);
    return made;
  }();
  return table;
}

std::shared_ptr<LocalFolder::Shared> LocalFolder::Shared::Find(const std::string& path) {
  const std::optional<Inode> inode = InodeOf(path);
  if (!inode.has_value()) return nullptr;
  MutexLock lock(&table().mu);
  std::weak_ptr<Shared>& known = table().folders[*inode];
  std::shared_ptr<Shared> shared = known.lock();
  if (shared == nullptr) {
    shared.reset(new Shared(*inode));
    known = shared;
  }
  return shared;
}

LocalFolder::Shared::~Shared() {
  MutexLock lock(&table().mu);
  const auto known = table().folders.find(inode_);
  if (known != table().folders.end() && known->second.expired()) table().folders.erase(known);
}

absl::StatusOr<std::shared_ptr<LocalServer>> LocalFolder::Shared::Server(const std::string& path,
                                                                         LocalServer::Use use) {
  std::shared_ptr<LocalServer> replaced;  // ends without the lock
  MutexLock lock(&mu_);
  if (server_ != nullptr && server_->writes()) return server_;
  const Edition edition = EditionOf(path);
  if (server_ != nullptr && use == LocalServer::Use::kRead && edition == edition_) return server_;
  GF_ASSIGN_OR_RETURN(std::shared_ptr<LocalServer> opened, LocalServer::Open(path, use));
  replaced = std::exchange(server_, std::move(opened));
  edition_ = edition;
  return server_;
}

LocalFolder::~LocalFolder() {
  MutexLock lock(&mu_);
  if (generation_ == ForkGeneration()) return;
  // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): without memory this is the end anyway.
  (void)new std::shared_ptr<Shared>(std::move(shared_));
}

absl::StatusOr<std::shared_ptr<LocalServer>> LocalFolder::Server(LocalServer::Use use) {
  std::shared_ptr<Shared> shared;
  {
    MutexLock lock(&mu_);
    if (generation_ != ForkGeneration()) {
      // Its threads and locks stayed with the parent.
      (void)new std::shared_ptr<Shared>(std::move(shared_));
      shared_ = nullptr;
      generation_ = ForkGeneration();
    }
    if (shared_ == nullptr || !shared_->Is(path_)) {
      std::error_code error;
      if (use == LocalServer::Use::kWrite) std::filesystem::create_directories(path_, error);
      if (error) {
        return absl::FailedPreconditionError(
            absl::StrCat("cannot make the data folder \"", path_, "\": ", error.message()));
      }
      shared_ = Shared::Find(path_);
    }
    shared = shared_;
  }
  if (shared == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("there is no data folder \"", path_, "\"; what is ingested makes one"));
  }
  return shared->Server(path_, use);
}

}  // namespace graphfeed
