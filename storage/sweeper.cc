#include "storage/sweeper.h"

namespace graphfeed {

Sweeper::~Sweeper() {
  std::thread thread;
  {
    MutexLock lock(&mu_);
    closing_ = true;
    changed_.SignalAll();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

void Sweeper::Post(const std::vector<uint64_t>& columns) {
  if (columns.empty()) return;
  MutexLock lock(&mu_);
  columns_.insert(columns_.end(), columns.begin(), columns.end());
  changed_.Signal();
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
}

void Sweeper::Run() {
  while (true) {
    std::vector<uint64_t> columns;
    {
      MutexLock lock(&mu_);
      while (columns_.empty() && !closing_) changed_.Wait(&mu_);
      if (columns_.empty()) return;
      columns.swap(columns_);
    }
    sweep_(columns);
  }
}

}  // namespace graphfeed
