#include "storage/chunks/rados/pool.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr absl::Duration kLookEvery = absl::Seconds(1);
// Bytes of the cluster are asked for every so many looks while all is well.
constexpr int kLooksBetweenStats = 10;

std::string ErrorText(int result) {
  char buffer[128];
  return strerror_r(-result, buffer, sizeof(buffer));
}

}  // namespace

RadosPool::RadosPool(const Librados& api, const RadosLocation& location, std::string object)
    : api_(api), location_(location), object_(std::move(object)) {}

absl::StatusOr<std::unique_ptr<RadosPool>> RadosPool::Connect(const RadosLocation& location,
                                                              std::string object) {
  GF_ASSIGN_OR_RETURN(const Librados* api, LoadLibrados());
  std::unique_ptr<RadosPool> pool(new RadosPool(*api, location, std::move(object)));
  GF_RETURN_IF_ERROR(pool->Open());
  pool->Answered();
  pool->thread_ = std::thread([watched = pool.get()] { watched->Watch(); });
  return pool;
}

RadosPool::~RadosPool() {
  stop_.Stop();
  if (thread_.joinable()) thread_.join();
  if (look_ != nullptr) {
    (void)api_.rados_aio_cancel(io_, look_);
    while (looking_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    api_.rados_aio_release(look_);
  }
  if (io_ != nullptr) api_.rados_ioctx_destroy(io_);
  if (cluster_ != nullptr) api_.rados_shutdown(cluster_);
}

absl::Status RadosPool::Configure() {
  const char* const file = location_.conf.empty() ? nullptr : location_.conf.c_str();
  if (const int result = api_.rados_conf_read_file(cluster_, file); result < 0) {
    const std::string name = location_.conf.empty() ? "ceph.conf" : location_.conf;
    return result == -ENOENT
               ? absl::NotFoundError(absl::StrCat("there is no \"", name, "\" of a Ceph cluster"))
               : absl::InvalidArgumentError(
                     absl::StrCat("\"", name, "\" cannot be read: ", ErrorText(result)));
  }
  const auto limit = [&](const char* option, int seconds, bool also_longer) {
    char text[64] = "";
    double configured = 0;
    (void)api_.rados_conf_get(cluster_, option, text, sizeof(text));
    const bool given = absl::SimpleAtod(text, &configured) && configured > 0 &&
                       (also_longer || configured <= seconds);
    return given ? 0 : api_.rados_conf_set(cluster_, option, absl::StrCat(seconds).c_str());
  };
  int result = limit("rados_osd_op_timeout", kOperationSeconds, true);
  if (result == 0) result = limit("rados_mon_op_timeout", kMonitorSeconds, true);
  if (result == 0) result = limit("client_mount_timeout", kConnectSeconds, false);
  // What it would say is in what we return.
  for (const char* option : {"log_to_stderr", "err_to_stderr"}) {
    if (result == 0) result = api_.rados_conf_set(cluster_, option, "false");
  }
  return ToStatus(result, "ceph.conf");
}

absl::Status RadosPool::Open() {
  const int created = api_.rados_create(&cluster_, location_.user.c_str());
  if (created < 0) {
    cluster_ = nullptr;
    return absl::InternalError(absl::StrCat("rados_create: ", ErrorText(created)));
  }
  GF_RETURN_IF_ERROR(Configure());
  const std::string user = absl::StrCat("client.", location_.user);
  switch (const int result = api_.rados_connect(cluster_); result) {
    case 0:
      break;
    case -ETIMEDOUT:
      return absl::UnavailableError(absl::StrCat(
          "no monitor of ", location_.Name(), " answers; is the cluster of the configuration up?"));
    case -ENOENT:  // no keyring
    case -EINVAL:  // no key in it
    case -EACCES:
    case -EPERM:
      return absl::PermissionDeniedError(absl::StrCat(
          "the cluster of ", location_.Name(), " does not know ", user,
          ", or not by the key that ceph.conf and its keyring have: ", ErrorText(result)));
    default:
      return absl::UnavailableError(
          absl::StrCat("cannot connect to ", location_.Name(), ": ", ErrorText(result)));
  }
  switch (const int result = api_.rados_ioctx_create(cluster_, location_.pool.c_str(), &io_);
          result) {
    case 0:
      break;
    case -ENOENT:
      io_ = nullptr;
      return absl::NotFoundError(absl::StrCat("there is no pool \"", location_.pool, "\""));
    default:
      io_ = nullptr;
      return ToStatus(result, location_.pool);
  }
  api_.rados_ioctx_set_namespace(io_, location_.name_space.c_str());
  return absl::OkStatus();
}

void RadosPool::Answered() {
  answered_ = Clock::now();
  lost_ = false;
}

void RadosPool::Look() {
  if (looking_) return;
  if (look_ != nullptr) api_.rados_aio_release(look_);
  look_ = nullptr;
  const auto on_complete = [](rados_completion_t completion, void* arg) {
    auto* const pool = static_cast<RadosPool*>(arg);
    const int result = pool->api_.rados_aio_get_return_value(completion);
    if (result == -ESHUTDOWN) pool->shut_out_ = true;
    if (result != -ETIMEDOUT && result != -ECANCELED && result != -ENOTCONN) pool->Answered();
    pool->looking_ = false;
  };
  if (api_.rados_aio_create_completion2(this, on_complete, &look_) < 0) return;
  looking_ = true;
  if (api_.rados_aio_stat(io_, object_.c_str(), look_, &looked_bytes_, &looked_time_) < 0) {
    looking_ = false;
  }
}

void RadosPool::Watch() {
  for (int look = 0; !stop_.WaitFor(kLookEvery); ++look) {
    Look();
    if (!answers() || look % kLooksBetweenStats == 0) {
      rados_cluster_stat_t stat;
      const int result = api_.rados_cluster_stat(cluster_, &stat);
      if (result == 0) {
        free_bytes_ = static_cast<int64_t>(stat.kb_avail) * 1024;
        total_bytes_ = static_cast<int64_t>(stat.kb) * 1024;
      }
      if (result != -ETIMEDOUT && result != -ENOTCONN) Answered();
    }
    if (Silent()) {
      lost_ = true;
      if (!Silent()) lost_ = false;  // an answer came in between
    }
  }
}

absl::Status RadosPool::Reachable() const {
  if (!lost_) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      "the cluster of ", location_.Name(), " has not answered for ",
      std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - answered_.load()).count(),
      " s"));
}

absl::Status RadosPool::ToStatus(int result, absl::string_view object) const {
  if (result >= 0) return absl::OkStatus();
  const std::string what = absl::StrCat("\"", object, "\" in ", location_.Name());
  switch (result) {
    case -ENOENT:
      return absl::NotFoundError(absl::StrCat("there is no ", what));
    case -EACCES:
    case -EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat("client.", location_.user, " may not do this to ", what));
    case -ENOSPC:
    case -EDQUOT:
      return absl::ResourceExhaustedError(
          absl::StrCat("the pool \"", location_.pool, "\" is full: ", what, " was not written"));
    case -EIO:
      return absl::DataLossError(
          absl::StrCat(what, " cannot be read: the cluster says ", ErrorText(result)));
    case -ESHUTDOWN:  // EBLOCKLISTED
      shut_out_ = true;
      [[fallthrough]];
    case -ETIMEDOUT:
    case -ENOTCONN:
    case -ECANCELED:
      if (lost_) return Reachable();
      return absl::UnavailableError(
          absl::StrCat("the cluster did not answer about ", what, ": ", ErrorText(result)));
    default:
      return absl::InternalError(absl::StrCat(what, ": ", ErrorText(result)));
  }
}

std::optional<int64_t> RadosPool::free_bytes() const {
  if (total_bytes_ == 0) return std::nullopt;
  return free_bytes_;
}

std::optional<int64_t> RadosPool::total_bytes() const {
  if (total_bytes_ == 0) return std::nullopt;
  return total_bytes_;
}

}  // namespace graphfeed
