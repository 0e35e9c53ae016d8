#include "storage/chunks/rados/watch.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace graphfeed {
namespace {

// An OSD forgets a watch that has not been renewed for so long.
constexpr uint32_t kWatchSeconds = 10;
// After so long an OSD waits no more for who does not answer a notice.
constexpr uint64_t kNoticeMs = 3000;
constexpr std::chrono::seconds kAskEvery{1};
// So long after `on_change` it is not called again: who sends many notices makes nobody read all
// the time, and the last of them is not lost.
constexpr std::chrono::milliseconds kBetweenChanges{50};
// A user that may not watch is asked again, since that may be changed.
constexpr std::chrono::seconds kForbiddenAskEvery{60};
// The end of a watch is waited for so long: without, the OSD would forget it by itself.
constexpr std::chrono::seconds kUnwatchWithin{2};

}  // namespace

struct RadosWatch::Board {
  struct Notice {
    uint64_t id = 0;
    uint64_t handle = 0;
    uint64_t sender = 0;
  };

  std::mutex mu;
  std::condition_variable changed;
  std::vector<Notice> notices;
  std::vector<uint64_t> broken;  // handles
  bool answered = false;
  bool stopped = false;

  static void OnNotice(void* board, uint64_t id, uint64_t handle, uint64_t sender, void* /*data*/,
                       size_t /*bytes*/) {
    auto* const to = static_cast<Board*>(board);
    const std::lock_guard<std::mutex> lock(to->mu);
    to->notices.push_back({.id = id, .handle = handle, .sender = sender});
    to->changed.notify_one();
  }
  static void OnBroken(void* board, uint64_t handle, int /*error*/) {
    auto* const to = static_cast<Board*>(board);
    const std::lock_guard<std::mutex> lock(to->mu);
    to->broken.push_back(handle);
    to->changed.notify_one();
  }
  static void OnAnswer(rados_completion_t /*completion*/, void* board) {
    auto* const to = static_cast<Board*>(board);
    const std::lock_guard<std::mutex> lock(to->mu);
    to->answered = true;
    to->changed.notify_one();
  }
};

std::shared_ptr<RadosWatch::Board> RadosWatch::NewBoard() { return std::make_shared<Board>(); }

RadosWatch::RadosWatch(const RadosPool& pool, std::string object, std::function<void()> on_change,
                       std::shared_ptr<Board> board, WatchCounts& counts)
    : pool_(pool),
      object_(std::move(object)),
      on_change_(std::move(on_change)),
      board_(std::move(board)),
      counts_(counts),
      thread_([this] { Run(); }) {}

RadosWatch::~RadosWatch() {
  {
    const std::lock_guard<std::mutex> lock(board_->mu);
    board_->stopped = true;
    board_->changed.notify_one();
  }
  thread_.join();
}

void RadosWatch::Ask() {
  const Librados& api = pool_.api();
  ask_at_ = Clock::now() + kAskEvery;
  if (api.rados_aio_create_completion2(board_.get(), Board::OnAnswer, &asked_) < 0) {
    asked_ = nullptr;
    return;
  }
  const int result =
      api.rados_aio_watch2(pool_.io(), object_.c_str(), asked_, &handle_, Board::OnNotice,
                           Board::OnBroken, kWatchSeconds, board_.get());
  if (result >= 0) return;
  api.rados_aio_release(asked_);
  asked_ = nullptr;
}

bool RadosWatch::TakeAnswer() {
  const int result = pool_.api().rados_aio_get_return_value(asked_);
  pool_.api().rados_aio_release(asked_);
  asked_ = nullptr;
  if (result >= 0) {
    ++counts_.watches;
    return true;
  }
  // What was refused has no handle any more.
  if (result == -EPERM || result == -EACCES) ask_at_ = Clock::now() + kForbiddenAskEvery;
  return false;
}

void RadosWatch::Unwatch() {
  watching_ = false;
  counts_.watching = false;
  const Librados& api = pool_.api();
  rados_completion_t completion = nullptr;
  {
    const std::lock_guard<std::mutex> lock(board_->mu);
    board_->answered = false;
  }
  if (api.rados_aio_create_completion2(board_.get(), Board::OnAnswer, &completion) < 0) return;
  if (api.rados_aio_unwatch(pool_.io(), handle_, completion) >= 0) {
    std::unique_lock<std::mutex> lock(board_->mu);
    board_->changed.wait_for(lock, kUnwatchWithin, [&] { return board_->answered; });
    board_->answered = false;
  }
  api.rados_aio_release(completion);
}

void RadosWatch::Run() {
  const Librados& api = pool_.api();
  bool missed = false;
  Clock::time_point change_at;
  while (true) {
    std::vector<Board::Notice> notices;
    bool answered = false;
    bool broken = false;
    {
      std::unique_lock<std::mutex> lock(board_->mu);
      if (watching_ || asked_ != nullptr || ask_at_ > Clock::now() || pool_.lost()) {
        const Clock::time_point ask_at = Clock::now() + kAskEvery;
        board_->changed.wait_until(lock, missed ? std::min(ask_at, change_at) : ask_at, [&] {
          return board_->stopped || board_->answered || !board_->notices.empty() ||
                 !board_->broken.empty();
        });
      }
      if (board_->stopped) break;
      notices.swap(board_->notices);
      answered = std::exchange(board_->answered, false);
      for (const uint64_t handle : std::exchange(board_->broken, {})) {
        broken = broken || handle == handle_;
      }
    }
    if (answered && asked_ != nullptr) {
      counts_.watching = watching_ = TakeAnswer();
      missed = missed || watching_;
    }
    for (const Board::Notice& notice : notices) {
      if (watching_ && notice.handle == handle_) {
        (void)api.rados_notify_ack(pool_.io(), object_.c_str(), notice.id, notice.handle, nullptr,
                                   0);
      }
      if (notice.sender == pool_.client_id()) continue;
      ++counts_.notices;
      missed = true;
    }
    if (watching_ && broken) {
      Unwatch();
      ask_at_ = Clock::now();
    }
    if (!watching_ && asked_ == nullptr && !pool_.lost() && Clock::now() >= ask_at_) Ask();
    if (missed && Clock::now() >= change_at) {
      missed = false;
      on_change_();
      change_at = Clock::now() + kBetweenChanges;
    }
  }
  // One that is still asked for, and all where nobody answers, end with the connection.
  if (watching_ && !pool_.lost()) Unwatch();
  if (asked_ != nullptr) api.rados_aio_release(asked_);
}

void Notify(const RadosPool& pool, const std::string& object) {
  const Librados& api = pool.api();
  rados_completion_t completion = nullptr;
  if (pool.lost() || api.rados_aio_create_completion2(nullptr, nullptr, &completion) < 0) return;
  (void)api.rados_aio_notify(pool.io(), object.c_str(), completion, "", 0, kNoticeMs, nullptr,
                             nullptr);
  api.rados_aio_release(completion);
}

}  // namespace graphfeed
