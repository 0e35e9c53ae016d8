#include "server/serving/waiting_room.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/frame/error_details.h"

namespace graphfeed {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Who asks, and what has come of it.
struct Asker {
  std::shared_ptr<std::atomic<bool>> gone = std::make_shared<std::atomic<bool>>(false);
  std::atomic<bool> answered = false;
  WaitingRoom::PlaceOr answer = absl::UnknownError("none yet");
};

class WaitingRoomTest : public testing::Test {
 protected:
  void Open(WaitingRoom::Clock::duration wait, int64_t capacity = 1000, int64_t places = 100) {
    admission_.emplace("streams", capacity, places, "slab-memory", "max-streams");
    room_.emplace(*admission_, timer_, tasks_, WaitingRoom::Options{.wait = wait});
  }
  ~WaitingRoomTest() override {
    if (room_.has_value()) room_->Close();
  }

  std::shared_ptr<Asker> Ask(int64_t frame_bytes, uint32_t frames = 1) {
    auto asker = std::make_shared<Asker>();
    const WorkScope scope(asker->gone);
    room_->Enter({.frame_bytes = frame_bytes, .frames = frames},
                 [asker](WaitingRoom::PlaceOr place) {
                   asker->answer = std::move(place);
                   asker->answered = true;
                 });
    return asker;
  }
  static bool Soon(const std::function<bool()>& holds) {
    for (int i = 0; i < 20'000 && !holds(); ++i) absl::SleepFor(absl::Milliseconds(1));
    return holds();
  }
  static bool Answered(const std::shared_ptr<Asker>& asker) {
    return Soon([&] { return asker->answered.load(); });
  }
  // Time in which what must not happen could.
  static void Pause() { absl::SleepFor(absl::Milliseconds(80)); }

  std::optional<Admission> admission_;
  InlineQueue tasks_;
  Timer timer_;
  std::optional<WaitingRoom> room_;
};

TEST_F(WaitingRoomTest, WhoFitsIsLetInAtOnce) {
  Open(hours(1));
  const auto asker = Ask(100, 4);
  ASSERT_TRUE(asker->answered);
  EXPECT_EQ((*asker->answer)->frames(), 4u);
  EXPECT_EQ(room_->num_waiting(), 0);
}

TEST_F(WaitingRoomTest, NobodyPassesTheFirstHoweverLittleItNeeds) {
  Open(hours(1));
  std::vector<std::shared_ptr<Admission::Place>> places;
  for (int i = 0; i < 10; ++i) places.push_back(*admission_->Reserve(100, 1));
  const auto large = Ask(900);
  const auto small = Ask(100);
  EXPECT_EQ(room_->num_waiting(), 2);
  places.pop_back();
  places.pop_back();
  const auto later = Ask(100);
  Pause();
  EXPECT_FALSE(large->answered || small->answered || later->answered)
      << "there is room for the small ones, and there always would be";
  places.clear();
  ASSERT_TRUE(Answered(large) && Answered(small));
  EXPECT_TRUE(large->answer.ok() && small->answer.ok());
  EXPECT_FALSE(later->answered) << "1000 of 1000 bytes are taken";
  large->answer = absl::CancelledError("");
  EXPECT_TRUE(Answered(later));
  EXPECT_EQ(room_->num_waiting(), 0);
}

TEST_F(WaitingRoomTest, AfterTheStatedWaitTheRefusalSaysWhatIsUsedAndWhenToAskAgain) {
  Open(milliseconds(60));
  const auto place = *admission_->Reserve(700, 1);
  const absl::Time before = absl::Now();
  const auto asker = Ask(400);
  ASSERT_TRUE(Answered(asker));
  EXPECT_GE(absl::Now() - before, absl::Milliseconds(60));
  const absl::Status& status = asker->answer.status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("a frame needs up to 400 bytes; 300 of 1000 are free (--slab-memory); "
                        "waited "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("(--stream-wait)"));
  ASSERT_TRUE(RetryDelayOf(status).has_value());
  EXPECT_GE(*RetryDelayOf(status), absl::Seconds(1));
  EXPECT_EQ(admission_->reserved_bytes(), 700);
  EXPECT_EQ(room_->num_waiting(), 0);
}

TEST_F(WaitingRoomTest, WithoutAWaitTheRefusalComesAtOnce) {
  Open(milliseconds(0), 1000, 1);
  const auto place = *admission_->Reserve(700, 1);
  const auto asker = Ask(100);
  ASSERT_TRUE(asker->answered);
  EXPECT_THAT(std::string(asker->answer.status().message()),
              HasSubstr("streams: 1 are open; at most 1 (--max-streams)"));
  EXPECT_TRUE(RetryDelayOf(asker->answer.status()).has_value());
}

TEST_F(WaitingRoomTest, WhatNeverFitsIsRefusedAtOnceAndForGood) {
  Open(hours(1));
  const auto asker = Ask(1001);
  ASSERT_TRUE(asker->answered);
  EXPECT_EQ(asker->answer.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(RetryDelayOf(asker->answer.status()).has_value());
}

TEST_F(WaitingRoomTest, APlaceIsWaitedForAsMemoryIs) {
  Open(hours(1), 1000, 1);
  auto place = *admission_->Reserve(1, 1);
  const auto asker = Ask(1);
  Pause();
  EXPECT_FALSE(asker->answered);
  place.reset();
  EXPECT_TRUE(Answered(asker));
}

TEST_F(WaitingRoomTest, WhatIsFreeIsForAllWhoWaitAndHaveAPlace) {
  Open(hours(1), /*capacity=*/1000, /*places=*/4);
  auto place = *admission_->Reserve(100, 10);
  std::vector<std::shared_ptr<Asker>> askers;
  for (int i = 0; i < 5; ++i) askers.push_back(Ask(100, /*frames=*/64));
  Pause();
  place.reset();
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(Answered(askers[i])) << "those before it took all";
    ASSERT_TRUE(askers[i]->answer.ok()) << askers[i]->answer.status();
    EXPECT_GE((*askers[i]->answer)->frames(), 2u);
  }
  EXPECT_FALSE(askers[4]->answered) << "there is no place";
}

TEST_F(WaitingRoomTest, WhoIsGoneLetsTheNextOneIn) {
  Open(hours(1));
  const auto place = *admission_->Reserve(500, 1);
  const auto large = Ask(900);
  const auto small = Ask(100);
  Pause();
  EXPECT_FALSE(small->answered);
  *large->gone = true;
  ASSERT_TRUE(Answered(large) && Answered(small));
  EXPECT_EQ(large->answer.status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(small->answer.ok());
}

TEST_F(WaitingRoomTest, WhoGoesOnWorksForItsCall) {
  Open(hours(1));
  auto place = *admission_->Reserve(1000, 1);
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  std::atomic<bool> same = false;
  {
    const WorkScope scope(gone);
    room_->Enter({.frame_bytes = 1},
                 [&](const WaitingRoom::PlaceOr&) { same = WorkScope::Token() == gone; });
  }
  place.reset();
  EXPECT_TRUE(Soon([&] { return same.load(); }));
}

TEST_F(WaitingRoomTest, NobodyGrowsWhileSomebodyWaits) {
  Open(hours(1));
  const auto place = *admission_->Reserve(100, 2);
  EXPECT_TRUE(place->Grow(3));
  EXPECT_EQ(admission_->reserved_bytes(), 300);
  const auto asker = Ask(800);
  Pause();
  EXPECT_FALSE(place->Grow(4));
  EXPECT_FALSE(admission_->ReserveShared("a table", 1, /*leave_bytes=*/1).ok());
  EXPECT_FALSE(asker->answered);
  place->Shrink(2);
  EXPECT_TRUE(Answered(asker));
}

TEST_F(WaitingRoomTest, ClosedItForgetsWhoWaits) {
  Open(hours(1));
  auto place = *admission_->Reserve(1000, 1);
  const auto asker = Ask(1);
  const std::weak_ptr<Asker> weak = asker;
  room_->Close();
  place.reset();  // what it would have woken is gone: ASan sees it
  Pause();
  EXPECT_FALSE(asker->answered);
  EXPECT_EQ(weak.use_count(), 1);
}

FrameStream::Holding Active(uint32_t frames) {
  return {.frame_bytes = 10, .reserved = frames, .target = frames, .out = 1, .idle = false};
}
FrameStream::Holding Idle(uint32_t frames) {
  return {.frame_bytes = 10, .reserved = frames, .target = frames, .out = 1, .idle = true};
}

const auto kNothing = std::optional<uint32_t>();

TEST(GiveWayTest, IdleStreamsGoFirstAndKeepAFrame) {
  EXPECT_THAT(GiveWay({Active(64), Idle(64), Idle(4), std::nullopt}, 50),
              ElementsAre(kNothing, 1, kNothing, kNothing))
      << "the largest one is enough";
  EXPECT_THAT(GiveWay({Active(8), Idle(4), Idle(4)}, 50), ElementsAre(kNothing, 1, 1));
}

TEST(GiveWayTest, ThenThoseWithMostDownToTwoFrames) {
  EXPECT_THAT(GiveWay({Active(8), Active(4), Active(2)}, 30), ElementsAre(5, kNothing, kNothing));
  EXPECT_THAT(GiveWay({Active(8), Active(4), Active(2)}, 10'000), ElementsAre(2, 2, kNothing));
  EXPECT_THAT(GiveWay({Idle(3), Active(5)}, 40), ElementsAre(1, 3));
}

TEST(GiveWayTest, WhatHasBeenPromisedCounts) {
  FrameStream::Holding promised = Active(8);
  promised.target = 3;
  EXPECT_THAT(GiveWay({promised, Active(8)}, 50), ElementsAre(kNothing, kNothing));
  EXPECT_THAT(GiveWay({promised, Active(8)}, 60), ElementsAre(kNothing, 7));
}

TEST(GiveWayTest, WhatAStreamPromisedBeforeItsClientWentIdleIsAskedForAgain) {
  FrameStream::Holding promised = Idle(8);
  promised.target = 3;
  EXPECT_THAT(GiveWay({promised}, 10), ElementsAre(1));
}

TEST(GiveWayTest, WhatIsOutIsNotThereToGive) {
  FrameStream::Holding lent = Idle(8);
  lent.out = 6;
  EXPECT_THAT(GiveWay({lent, Idle(8)}, 100), ElementsAre(6, 1));
}

TEST(TimerTest, TasksRunInTheOrderOfTheirTimes) {
  std::vector<int> order;
  absl::Notification all_known;
  std::atomic<bool> done = false;
  std::atomic<bool> dropped = true;
  {
    Timer timer;
    timer.After(hours(1), [&] { dropped = false; });
    timer.After(milliseconds(0), [&] { all_known.WaitForNotification(); });  // none runs before
    timer.After(milliseconds(10), [&] {
      order.push_back(2);
      done = true;
    });
    // Before the other one's time, however long after it this is said.
    timer.After(-hours(1), [&] { order.push_back(1); });
    all_known.Notify();
    while (!done) absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_THAT(order, ElementsAre(1, 2));
  EXPECT_TRUE(dropped);
}

}  // namespace
}  // namespace graphfeed
