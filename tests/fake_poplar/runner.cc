#include "tests/fake_poplar/runner.h"

#include <algorithm>
#include <cstring>

#include "poplar/exceptions.hpp"

namespace fake_poplar {
namespace {

constexpr char kPoison = '\xA5';  // in buffers that nobody has filled
constexpr char kGuardByte = '\x5A';

Value ToValue(const StreamSpec& spec, const std::string& bytes) {
  Value value;
  value.shape = spec.shape;
  if (spec.dtype == "BOOL") {
    for (const char byte : bytes) value.floats.push_back(byte != 0 ? 1.0F : 0.0F);
  } else if (spec.dtype == "F32") {
    value.floats.resize(bytes.size() / sizeof(float));
    std::memcpy(value.floats.data(), bytes.data(), bytes.size());
  } else {
    value.integers.resize(bytes.size() / sizeof(std::int32_t));
    std::memcpy(value.integers.data(), bytes.data(), bytes.size());
  }
  return value;
}

std::string ToBytes(const std::vector<float>& floats) {
  return std::string(reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float));
}

}  // namespace

Runner::HostBuffer::HostBuffer(std::size_t size)
    : size_(size), bytes_(size + 2 * kGuard, kGuardByte) {
  std::fill_n(bytes_.begin() + kGuard, size, kPoison);
}

void Runner::HostBuffer::Check(const std::string& handle) const {
  const std::string guard(kGuard, kGuardByte);
  if (bytes_.compare(0, kGuard, guard) == 0 && bytes_.compare(kGuard + size_, kGuard, guard) == 0) {
    return;
  }
  throw poplar::poplar_error("stream " + handle + " has " + std::to_string(size_) +
                             " bytes, and its callback wrote beyond");
}

Runner::Runner(std::shared_ptr<const Program> program, const poplar::OptionFlags& options)
    : program_(std::move(program)) {
  Reach("engine", nullptr);
  for (const auto& [name, value] : options) {
    if (name == "exchange.enablePrefetch") {
      prefetch_ = value == "true";
    } else if (name != "target.hostSyncTimeout" && name != "exchange.streamBufferOverlap") {
      throw poplar::invalid_option("unrecognised engine option " + name);
    }
  }
  for (const StreamSpec& input : program_->inputs) {
    AddStream(input.handle, program_->replicas, input.Bytes(), true, true);
  }
  for (const Output& output : program_->outputs) {
    AddStream(output.handle, program_->replicas, output.Bytes(), false, false);
  }
  for (const Variable& variable : program_->variables) {
    // What replicas share is uploaded once and downloaded by each.
    if (!variable.upload.empty()) {
      AddStream(variable.upload, variable.per_replica ? program_->replicas : 1, variable.Bytes(),
                true, false);
    }
    if (!variable.download.empty()) {
      AddStream(variable.download, program_->replicas, variable.Bytes(), false, false);
    }
  }
}

void Runner::AddStream(const std::string& handle, std::int64_t replicas, std::size_t size,
                       bool to_device, bool reads_ahead) {
  for (std::int64_t replica = 0; replica < replicas; ++replica) {
    Stream& stream = streams_[{handle, replica}];
    stream.size = size;
    stream.to_device = to_device;
    stream.reads_ahead = reads_ahead && prefetch_;
  }
}

void Runner::Connect(const std::string& handle, int replica,
                     std::shared_ptr<poplar::StreamCallback> callback) {
  Reach("connect", nullptr);
  const bool replicated = streams_.count({handle, 1}) > 0;
  if (replica < 0 && replicated) {
    throw poplar::poplar_error("stream " + handle + " is replicated: a replica must be named");
  }
  const auto found = streams_.find({handle, std::max(replica, 0)});
  if (found == streams_.end()) {
    throw poplar::poplar_error("no stream " + handle + " of replica " + std::to_string(replica));
  }
  found->second.callback = std::move(callback);
  found->second.ahead.clear();
  if (hardware_ != nullptr && found->second.reads_ahead) Prefetch(handle, found->second);
}

void Runner::Load(const poplar::Device& device) {
  Reach("load", nullptr);
  if (!device.isAttached()) throw poplar::poplar_error("load on a device that is not attached");
  const poplar::Target& target = device.getTarget();
  if (target.getNumIPUs() != program_->num_ipus) {
    throw poplar::poplar_error("the executable is for " + std::to_string(program_->num_ipus) +
                               " IPUs, the device has " + std::to_string(target.getNumIPUs()));
  }
  hardware_ = device.hardware();
  const std::lock_guard<std::mutex> lock(hardware_->mutex);
  load_ = ++hardware_->loads;
  hardware_->memory.clear();
  for (const Variable& variable : program_->variables) {
    // Nothing but NaN until it is uploaded.
    hardware_->memory[variable.name].assign(
        static_cast<std::size_t>(variable.per_replica ? program_->replicas : 1),
        std::string(variable.Bytes(), '\xFF'));
  }
}

Runner::Stream& Runner::Find(const std::string& handle, std::int64_t replica) {
  Stream& stream = streams_.at({handle, replica});
  if (stream.callback == nullptr) {
    throw poplar::poplar_error("stream " + handle + " is not connected");
  }
  return stream;
}

void Runner::Prefetch(const std::string& handle, Stream& stream) {
  while (static_cast<std::int64_t>(stream.ahead.size()) < program_->buffering) {
    HostBuffer buffer(stream.size);
    const auto result = stream.callback->prefetch(buffer.data());
    buffer.Check(handle);
    const bool available = result == poplar::StreamCallback::Result::Success;
    Count(available ? &Counts::prefetched : &Counts::not_available);
    if (!available) return;
    stream.ahead.push_back(std::move(buffer));
  }
}

std::string Runner::ToDevice(const std::string& handle, std::int64_t replica) {
  Stream& stream = Find(handle, replica);
  if (stream.ahead.empty()) {
    HostBuffer buffer(stream.size);
    stream.callback->fetch(buffer.data());
    buffer.Check(handle);
    if (stream.reads_ahead) Count(&Counts::fetched);
    stream.ahead.push_back(std::move(buffer));
  }
  const std::string value = stream.ahead.front().Value();
  stream.ahead.pop_front();
  stream.callback->complete();
  // Speculation: also after the last copy, for the next run or for none.
  if (stream.reads_ahead) Prefetch(handle, stream);
  return value;
}

void Runner::ToHost(const std::string& handle, std::int64_t replica, const std::string& value) {
  Stream& stream = Find(handle, replica);
  HostBuffer buffer(stream.size);
  buffer.Fill(value);
  stream.callback->fetch(buffer.data());
  buffer.Check(handle);
  stream.callback->complete();
}

std::vector<std::string>& Runner::Memory(const std::string& variable) {
  return hardware_->memory.at(variable);
}

bool Runner::RunTransfers(unsigned index) {
  bool any = false;
  for (const Variable& variable : program_->variables) {
    std::vector<std::string>& memory = Memory(variable.name);
    if (!variable.upload.empty() && variable.upload_program == index) {
      if (!any) Reach("run.load", &stop_);
      any = true;
      for (std::size_t i = 0; i < memory.size(); ++i) {
        memory[i] = ToDevice(variable.upload, static_cast<std::int64_t>(i));
      }
    }
    if (!variable.download.empty() && variable.download_program == index) {
      if (!any) Reach("run.save", &stop_);
      any = true;
      for (std::int64_t replica = 0; replica < program_->replicas; ++replica) {
        ToHost(variable.download, replica,
               memory[variable.per_replica ? static_cast<std::size_t>(replica) : 0]);
      }
    }
  }
  return any;
}

Values Runner::RunReplica(std::int64_t replica, bool last) {
  Values values;
  for (const Variable& variable : program_->variables) {
    if (!variable.per_replica) {
      values[variable.name] = ToValue(variable, Memory(variable.name)[0]);
      continue;
    }
    // A generator's state, which every iteration moves on.
    for (char& byte : Memory(variable.name)[static_cast<std::size_t>(replica)]) ++byte;
  }
  for (const StreamSpec& input : program_->inputs) {
    values[input.name] = ToValue(input, ToDevice(input.handle, replica));
  }
  Forward(program_->operations, values);
  if (!program_->loss.empty()) Backward(program_->operations, program_->loss, values);
  for (const Output& output : program_->outputs) {
    if (output.keep == "all" || last) {
      ToHost(output.handle, replica, ToBytes(values.at(output.name).floats));
    }
  }
  return values;
}

void Runner::Learn(const std::vector<Values>& replicas) {
  const float rate = replicas[0].at(program_->learning_rate).floats[0];
  for (const std::string& parameter : program_->parameters) {
    std::vector<float> weights = replicas[0].at(parameter).floats;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      float gradient = 0;
      for (const Values& values : replicas) gradient += values.at(parameter).gradient[i];
      weights[i] -= rate * gradient / static_cast<float>(replicas.size());
    }
    Memory(parameter)[0] = ToBytes(weights);
  }
}

void Runner::RunIteration(bool last) {
  std::vector<Values> replicas;
  for (std::int64_t replica = 0; replica < program_->replicas; ++replica) {
    replicas.push_back(RunReplica(replica, last));
  }
  if (!program_->loss.empty()) Learn(replicas);
}

void Runner::RunMain() {
  for (std::int64_t i = 0; i < program_->device_iterations; ++i) {
    const bool last = i + 1 == program_->device_iterations;
    if (last) Reach("run.main", &stop_);
    RunIteration(last);
  }
}

void Runner::EndRun() {
  for (auto& [key, stream] : streams_) {
    Count(&Counts::read_ahead, static_cast<std::int64_t>(stream.ahead.size()));
    if (!InvalidatesAfterRun() || !stream.to_device || stream.callback == nullptr) continue;
    stream.ahead.clear();
    stream.callback->invalidatePrefetched();
  }
}

void Runner::Run(unsigned index) {
  if (hardware_ == nullptr) throw poplar::poplar_error("run before load");
  {
    const std::lock_guard<std::mutex> lock(hardware_->mutex);
    if (hardware_->failed) {
      throw poplar::application_runtime_error("the device has failed and was not reset");
    }
    if (load_ != hardware_->loads) {
      throw poplar::application_runtime_error("the device was reset since the engine was loaded");
    }
  }
  try {
    if (index == program_->main_program) {
      RunMain();
    } else if (!RunTransfers(index)) {
      throw poplar::poplar_error("no program " + std::to_string(index));
    }
  } catch (...) {
    const std::lock_guard<std::mutex> lock(hardware_->mutex);
    hardware_->failed = true;
    throw;
  }
  EndRun();
}

void Runner::Stop() {
  const std::lock_guard<std::mutex> lock(stop_.mutex);
  stop_.stopped = true;
  stop_.changed.notify_all();
}

}  // namespace fake_poplar
