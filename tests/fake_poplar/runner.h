#ifndef GRAPHFEED_TESTS_FAKE_POPLAR_RUNNER_H_
#define GRAPHFEED_TESTS_FAKE_POPLAR_RUNNER_H_

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "poplar/Device.hpp"
#include "poplar/OptionFlags.hpp"
#include "poplar/StreamCallback.hpp"
#include "tests/fake_poplar/control.h"
#include "tests/fake_poplar/hardware.h"
#include "tests/fake_poplar/program.h"
#include "tests/fake_poplar/tape.h"

namespace fake_poplar {

// What an engine does. Bytes pass between host and device in streams only, and only during Run.
class Runner {
 public:
  Runner(std::shared_ptr<const Program> program, const poplar::OptionFlags& options);

  void Load(const poplar::Device& device);
  void Run(unsigned index);
  void Stop();
  // `replica` is -1 where none was named.
  void Connect(const std::string& handle, int replica,
               std::shared_ptr<poplar::StreamCallback> callback);

 private:
  // A stream's buffer on the host has exactly its size; guards beside it show who writes beyond.
  class HostBuffer {
   public:
    explicit HostBuffer(std::size_t size);
    char* data() { return bytes_.data() + kGuard; }
    std::string Value() const { return bytes_.substr(kGuard, size_); }
    void Fill(const std::string& value) { bytes_.replace(kGuard, size_, value); }
    void Check(const std::string& handle) const;

   private:
    static constexpr std::size_t kGuard = 16;
    std::size_t size_;
    std::string bytes_;
  };

  // A stream of one replica.
  struct Stream {
    std::size_t size = 0;
    bool to_device = false;
    bool reads_ahead = false;
    std::shared_ptr<poplar::StreamCallback> callback;
    std::deque<HostBuffer> ahead;  // prefetched, not arrived
  };

  void AddStream(const std::string& handle, std::int64_t replicas, std::size_t size, bool to_device,
                 bool reads_ahead);
  Stream& Find(const std::string& handle, std::int64_t replica);
  void Prefetch(const std::string& handle, Stream& stream);
  std::string ToDevice(const std::string& handle, std::int64_t replica);
  void ToHost(const std::string& handle, std::int64_t replica, const std::string& value);
  bool RunTransfers(unsigned index);
  void RunMain();
  void RunIteration(bool last);
  Values RunReplica(std::int64_t replica, bool last);
  void Learn(const std::vector<Values>& replicas);
  void EndRun();
  std::vector<std::string>& Memory(const std::string& variable);

  const std::shared_ptr<const Program> program_;
  bool prefetch_ = true;
  std::map<std::pair<std::string, std::int64_t>, Stream> streams_;  // by handle and replica
  std::shared_ptr<Hardware> hardware_;
  std::int64_t load_ = 0;  // of hardware_->loads
  StopFlag stop_;
};

}  // namespace fake_poplar

#endif  // GRAPHFEED_TESTS_FAKE_POPLAR_RUNNER_H_
