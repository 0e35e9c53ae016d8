#ifndef GRAPHFEED_STORAGE_CHUNKS_RADOS_WATCH_H_
#define GRAPHFEED_STORAGE_CHUNKS_RADOS_WATCH_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "storage/chunks/chunk_store.h"
#include "storage/chunks/rados/pool.h"

namespace graphfeed {

struct WatchCounts {
  std::atomic<int64_t> notices{0};  // of others
  std::atomic<int64_t> watches{0};  // that were set up
  std::atomic<bool> watching{false};
};

// Watches an object for notices of other clients.
//
// librados calls back on threads of its own, and into nothing of ours but the board, which a thread
// of the watch reads: that one alone answers notices, calls `on_change`, and sets the watch up anew
// when it was broken, every second until it stands. Since notices may have been lost meanwhile,
// `on_change` is called then, too.
class RadosWatch : public RecordsWatch {
 public:
  // Where callbacks leave word. It must outlive the pool, whose end waits for callbacks.
  struct Board;
  static std::shared_ptr<Board> NewBoard();

  // `pool` and `counts` must outlive this.
  RadosWatch(const RadosPool& pool, std::string object, std::function<void()> on_change,
             std::shared_ptr<Board> board, WatchCounts& counts);
  ~RadosWatch() override;

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  // Asks for a watch; the board says when there is an answer.
  void Ask();
  // Takes the answer: whether there is a watch now.
  bool TakeAnswer();
  void Unwatch();

  const RadosPool& pool_;
  const std::string object_;
  const std::function<void()> on_change_;
  const std::shared_ptr<Board> board_;  // shared with the store, which outlives the pool with it
  WatchCounts& counts_;

  // Of the thread.
  rados_completion_t asked_ = nullptr;  // until there is an answer
  uint64_t handle_ = 0;                 // of the watch that there is, or was asked for
  bool watching_ = false;
  Clock::time_point ask_at_;

  std::thread thread_;
};

// Sends a notice to all who watch the object. Waits for nobody.
void Notify(const RadosPool& pool, const std::string& object);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RADOS_WATCH_H_
