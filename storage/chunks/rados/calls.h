#ifndef GRAPHFEED_STORAGE_CHUNKS_RADOS_CALLS_H_
#define GRAPHFEED_STORAGE_CHUNKS_RADOS_CALLS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "storage/chunks/rados/pool.h"

namespace graphfeed {

struct ReleaseReadOp {
  const Librados* api = nullptr;
  void operator()(rados_read_op_t op) const { api->rados_release_read_op(op); }
};
struct ReleaseWriteOp {
  const Librados* api = nullptr;
  void operator()(rados_write_op_t op) const { api->rados_release_write_op(op); }
};
using ReadOp = std::unique_ptr<void, ReleaseReadOp>;
using WriteOp = std::unique_ptr<void, ReleaseWriteOp>;

ReadOp NewReadOp(const RadosPool& pool);
WriteOp NewWriteOp(const RadosPool& pool);

// Operations in flight, of one thread. What they write to must outlive this, whose destructor waits
// for all. When the cluster is lost they end at once. Not thread-safe.
class RadosCalls {
 public:
  // `interruptible`: they end, with CANCELLED, when nobody waits for what this thread does any more
  // (storage/base/work_scope.h).
  explicit RadosCalls(const RadosPool& pool, bool interruptible = false);
  ~RadosCalls();
  RadosCalls(const RadosCalls&) = delete;
  RadosCalls& operator=(const RadosCalls&) = delete;

  void Start(ReadOp op, const std::string& object, size_t token);
  void Start(WriteOp op, const std::string& object, size_t token);
  size_t in_flight() const { return calls_.size(); }

  struct Done {
    size_t token = 0;
    int result = 0;       // of librados: 0 and more, or -errno
    absl::Status status;  // the same, told of the object
  };
  // Waits for one, if any is in flight.
  Done Next();

 private:
  struct Queue;
  struct Call;

  template <typename Operate>
  void StartCall(std::unique_ptr<Call> call, Operate operate);
  void Cancel(const absl::Status& reason);

  const RadosPool& pool_;
  const bool interruptible_;
  const std::shared_ptr<Queue> queue_;  // shared with callbacks that are just returning
  std::map<Call*, std::unique_ptr<Call>> calls_;
  absl::Status cancelled_;
};

// One operation, and its end. The result is librados': 0 and more, or -errno.
RadosCalls::Done Operate(const RadosPool& pool, ReadOp op, const std::string& object);
RadosCalls::Done Operate(const RadosPool& pool, WriteOp op, const std::string& object);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RADOS_CALLS_H_
