#ifndef GRAPHFEED_STORAGE_CHUNKS_RADOS_LIBRADOS_H_
#define GRAPHFEED_STORAGE_CHUNKS_RADOS_LIBRADOS_H_

#include <rados/librados.h>

#include "absl/status/statusor.h"

namespace graphfeed {

// What is called of librados.
#define GRAPHFEED_LIBRADOS(F)             \
  F(rados_aio_cancel)                     \
  F(rados_aio_create_completion2)         \
  F(rados_aio_get_return_value)           \
  F(rados_aio_notify)                     \
  F(rados_aio_read_op_operate)            \
  F(rados_aio_release)                    \
  F(rados_aio_stat)                       \
  F(rados_aio_unwatch)                    \
  F(rados_aio_watch2)                     \
  F(rados_aio_write_op_operate)           \
  F(rados_cluster_stat)                   \
  F(rados_conf_get)                       \
  F(rados_conf_read_file)                 \
  F(rados_conf_set)                       \
  F(rados_connect)                        \
  F(rados_create)                         \
  F(rados_create_read_op)                 \
  F(rados_create_write_op)                \
  F(rados_get_instance_id)                \
  F(rados_getxattrs_end)                  \
  F(rados_getxattrs_next)                 \
  F(rados_ioctx_create)                   \
  F(rados_ioctx_destroy)                  \
  F(rados_ioctx_set_namespace)            \
  F(rados_notify_ack)                     \
  F(rados_omap_get_end)                   \
  F(rados_omap_get_next2)                 \
  F(rados_read_op_cmpxattr)               \
  F(rados_read_op_getxattrs)              \
  F(rados_read_op_omap_get_vals2)         \
  F(rados_read_op_omap_get_vals_by_keys2) \
  F(rados_read_op_read)                   \
  F(rados_release_read_op)                \
  F(rados_release_write_op)               \
  F(rados_shutdown)                       \
  F(rados_write_op_assert_exists)         \
  F(rados_write_op_cmpxattr)              \
  F(rados_write_op_create)                \
  F(rados_write_op_omap_cmp2)             \
  F(rados_write_op_omap_rm_keys2)         \
  F(rados_write_op_omap_set2)             \
  F(rados_write_op_remove)                \
  F(rados_write_op_setxattr)              \
  F(rados_write_op_write)                 \
  F(rados_write_op_write_full)

// librados, as it is found when the first store of RADOS is opened: who has none needs no librados.
struct Librados {
// NOLINTNEXTLINE(bugprone-macro-parentheses): a declaration
#define GRAPHFEED_MEMBER(name) decltype(&::name) name = nullptr;
  GRAPHFEED_LIBRADOS(GRAPHFEED_MEMBER)
#undef GRAPHFEED_MEMBER
};

// FAILED_PRECONDITION where this machine has none, or an older one. Thread-safe.
absl::StatusOr<const Librados*> LoadLibrados();

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RADOS_LIBRADOS_H_
