#include "storage/chunks/rados/calls.h"

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "storage/base/check.h"
#include "storage/base/work_scope.h"

namespace graphfeed {
namespace {

// How soon a wait sees that it is in vain.
constexpr std::chrono::milliseconds kLookAround(100);

}  // namespace

struct RadosCalls::Queue {
  std::mutex mu;
  std::condition_variable changed;
  std::deque<Call*> done;
};

struct RadosCalls::Call {
  std::string object;
  size_t token = 0;
  ReadOp read;
  WriteOp write;
  rados_completion_t completion = nullptr;
  int result = 0;
  std::shared_ptr<Queue> queue;
  const Librados* api = nullptr;
};

ReadOp NewReadOp(const RadosPool& pool) {
  return {pool.api().rados_create_read_op(), ReleaseReadOp{&pool.api()}};
}

WriteOp NewWriteOp(const RadosPool& pool) {
  return {pool.api().rados_create_write_op(), ReleaseWriteOp{&pool.api()}};
}

RadosCalls::RadosCalls(const RadosPool& pool, bool interruptible)
    : pool_(pool), interruptible_(interruptible), queue_(std::make_shared<Queue>()) {}

RadosCalls::~RadosCalls() {
  while (in_flight() > 0) (void)Next();
}

template <typename Operate>
void RadosCalls::StartCall(std::unique_ptr<Call> call, Operate operate) {
  call->queue = queue_;
  call->api = &pool_.api();
  const auto on_complete = [](rados_completion_t completion, void* arg) {
    auto* const done = static_cast<Call*>(arg);
    const std::shared_ptr<Queue> queue = done->queue;
    const std::lock_guard<std::mutex> lock(queue->mu);
    done->result = done->api->rados_aio_get_return_value(completion);
    queue->done.push_back(done);
    queue->changed.notify_one();
  };
  Call* const started = call.get();
  calls_.emplace(started, std::move(call));
  int result = pool_.lost() ? -ENOTCONN : 0;
  if (result == 0) {
    result = pool_.api().rados_aio_create_completion2(started, on_complete, &started->completion);
  }
  if (result == 0) result = operate(*started);
  if (result >= 0) return;
  const std::lock_guard<std::mutex> lock(queue_->mu);
  started->result = result;
  queue_->done.push_back(started);
}

void RadosCalls::Start(ReadOp op, const std::string& object, size_t token) {
  auto call = std::make_unique<Call>();
  call->object = object;
  call->token = token;
  call->read = std::move(op);
  StartCall(std::move(call), [this](Call& started) {
    return pool_.api().rados_aio_read_op_operate(started.read.get(), pool_.io(), started.completion,
                                                 started.object.c_str(), LIBRADOS_OPERATION_NOFLAG);
  });
}

void RadosCalls::Start(WriteOp op, const std::string& object, size_t token) {
  auto call = std::make_unique<Call>();
  call->object = object;
  call->token = token;
  call->write = std::move(op);
  StartCall(std::move(call), [this](Call& started) {
    // A pool that is full is an error, and not waited for.
    return pool_.api().rados_aio_write_op_operate(started.write.get(), pool_.io(),
                                                  started.completion, started.object.c_str(),
                                                  nullptr, LIBRADOS_OPERATION_FULL_TRY);
  });
}

void RadosCalls::Cancel(const absl::Status& reason) {
  cancelled_ = reason;
  for (const auto& [call, owned] : calls_) {
    if (call->completion != nullptr) {
      (void)pool_.api().rados_aio_cancel(pool_.io(), call->completion);
    }
  }
}

RadosCalls::Done RadosCalls::Next() {
  GF_CHECK(!calls_.empty());
  Call* call = nullptr;
  while (call == nullptr) {
    {
      std::unique_lock<std::mutex> lock(queue_->mu);
      if (queue_->changed.wait_for(lock, kLookAround, [&] { return !queue_->done.empty(); })) {
        call = queue_->done.front();
        queue_->done.pop_front();
        break;
      }
    }
    if (pool_.lost()) Cancel(pool_.Reachable());
    if (!interruptible_) continue;
    if (const absl::Status wanted = CheckWanted(); !wanted.ok()) Cancel(wanted);
  }
  const auto owned = calls_.extract(call);
  if (call->completion != nullptr) pool_.api().rados_aio_release(call->completion);
  Done done{.token = call->token, .result = call->result, .status = absl::OkStatus()};
  if (call->result == -ECANCELED && !cancelled_.ok()) {
    done.result = -ENOTCONN;  // not what a comparison answers
    done.status = cancelled_;
  } else if (call->result < 0) {
    done.status = pool_.ToStatus(call->result, call->object);
  }
  return done;
}

RadosCalls::Done Operate(const RadosPool& pool, ReadOp op, const std::string& object) {
  RadosCalls calls(pool);
  calls.Start(std::move(op), object, 0);
  return calls.Next();
}

RadosCalls::Done Operate(const RadosPool& pool, WriteOp op, const std::string& object) {
  RadosCalls calls(pool);
  calls.Start(std::move(op), object, 0);
  return calls.Next();
}

}  // namespace graphfeed
