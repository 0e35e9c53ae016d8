#include "tests/benchmark/constant_frames.h"

#include <memory>
#include <utility>

#include "proto/frame/digest.h"

namespace graphfeed {
namespace {

// Shared by the epochs of a stream; the slab is shared by all its frames.
struct Constant {
  absl::StatusOr<BuiltFrame> frame;
  PlanSummary plan;
};

class ConstantEpoch final : public FrameSource::Epoch {
 public:
  ConstantEpoch(std::shared_ptr<const Constant> constant, int64_t epoch)
      : constant_(std::move(constant)), info_{.epoch = epoch, .plan = constant_->plan} {}

  const EpochInfo& info() const override { return info_; }

  absl::StatusOr<BuiltFrame> Build(int64_t j) override {
    if (!constant_->frame.ok()) return constant_->frame.status();
    BuiltFrame frame{.info = constant_->frame->info, .slab = constant_->frame->slab.Share()};
    frame.info.epoch = info_.epoch;
    frame.info.ordinal = j;
    return frame;
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

  absl::StatusOr<BuiltFrame> Build(int64_t j) override {
    absl::StatusOr<BuiltFrame> frame = epoch_->Build(j);
    if (frame.ok() && FrameDigest(frame->slab.data(), frame->slab.size()) != frame->info.digest) {
      return absl::InternalError("the digest is another one the second time");
    }
    return frame;
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
  const auto constant = std::make_shared<Constant>(
      Constant{.frame = opened.first_epoch->Build(0), .plan = info.plan});
  opened.first_epoch = std::make_shared<ConstantEpoch>(constant, info.epoch);
  opened.source = std::make_unique<ConstantSource>(constant);
  return opened;
}

}  // namespace graphfeed
