#include "tests/benchmark/constant_frames.h"

#include <memory>
#include <utility>

#include "proto/frame/digest.h"

namespace graphfeed {
namespace {

// Shared by the epochs of a stream; the slab is shared by all its frames.
struct Constant {
  BuiltFrame frame;
  absl::Status built;
  PlanSummary plan;
};

class ConstantEpoch final : public FrameSource::Epoch {
 public:
  ConstantEpoch(std::shared_ptr<const Constant> constant, int64_t epoch)
      : constant_(std::move(constant)), info_{.epoch = epoch, .plan = constant_->plan} {}

  const EpochInfo& info() const override { return info_; }

  absl::Status Build(int64_t j, BuiltFrame& frame) override {
    if (!constant_->built.ok()) return constant_->built;
    frame.info = constant_->frame.info;
    frame.slab = constant_->frame.slab.Share();
    frame.info.epoch = info_.epoch;
    frame.info.ordinal = j;
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<const Constant> constant_;
  const EpochInfo info_;
};

class ConstantSource final : public FrameSource {
 public:
  explicit ConstantSource(std::shared_ptr<const Constant> constant)
      : constant_(std::move(constant)) {}

  void OpenEpoch(int64_t epoch, absl::AnyInvocable<void(EpochOr)> done) override {
    done(std::make_shared<ConstantEpoch>(constant_, epoch));
  }

 private:
  const std::shared_ptr<const Constant> constant_;
};

// The same frames, each hashed once more.
class HashedTwiceEpoch final : public FrameSource::Epoch {
 public:
  explicit HashedTwiceEpoch(std::shared_ptr<Epoch> epoch) : epoch_(std::move(epoch)) {}

  const EpochInfo& info() const override { return epoch_->info(); }

  absl::Status Build(int64_t j, BuiltFrame& frame) override {
    absl::Status status = epoch_->Build(j, frame);
    if (status.ok() && FrameDigest(frame.slab.data(), frame.slab.size()) != frame.info.digest) {
      return absl::InternalError("the digest is another one the second time");
    }
    return status;
  }

 private:
  const std::shared_ptr<Epoch> epoch_;  // shared with nobody
};

class HashedTwiceSource final : public FrameSource {
 public:
  explicit HashedTwiceSource(std::unique_ptr<FrameSource> source) : source_(std::move(source)) {}

  void OpenEpoch(int64_t epoch, absl::AnyInvocable<void(EpochOr)> done) override {
    source_->OpenEpoch(epoch, [done = std::move(done)](EpochOr opened) mutable {
      if (!opened.ok()) return done(opened.status());
      done(std::make_shared<HashedTwiceEpoch>(*std::move(opened)));
    });
  }

 private:
  const std::unique_ptr<FrameSource> source_;
};

}  // namespace

FrameStream::Opened MakeConstant(FrameStream::Opened opened) {
  if (opened.header.seed == kHashedTwiceSeed) {
    opened.first_epoch = std::make_shared<HashedTwiceEpoch>(std::move(opened.first_epoch));
    opened.source = std::make_unique<HashedTwiceSource>(std::move(opened.source));
    return opened;
  }
  if (opened.header.seed != kConstantSeed) return opened;
  const EpochInfo& info = opened.first_epoch->info();
  const auto constant = std::make_shared<Constant>();
  constant->built = opened.first_epoch->Build(0, constant->frame);
  constant->plan = info.plan;
  opened.first_epoch = std::make_shared<ConstantEpoch>(constant, info.epoch);
  opened.source = std::make_unique<ConstantSource>(constant);
  return opened;
}

}  // namespace graphfeed
