#include "client/cpp/rpc/slab_passage.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/passage/passage.h"

namespace graphfeed {
namespace {

constexpr int kTimeoutMs = 20'000;
constexpr int64_t kSlabBytes = 64;

class SlabPassageTest : public testing::Test {
 protected:
  void SetUp() override {
    auto listening = passage::Listen(*passage::SocketOf(address_));
    ASSERT_TRUE(listening.ok()) << listening.status();
    listening_ = *std::move(listening);
    // Connected, a client waits for its token: that is sent by whoever connects.
    ASSERT_EQ(pipe(ends_), 0);
  }
  void TearDown() override {
    passage::Remove(*passage::SocketOf(address_));
    for (const int end : ends_) (void)close(end);
  }

  // Its server's end is connection_.
  std::unique_ptr<SlabPassage> Connect() {
    std::thread accepts([this] {
      pollfd waiting = {listening_.get(), POLLIN, 0};
      ASSERT_EQ(poll(&waiting, 1, kTimeoutMs), 1);
      connection_ = passage::Descriptor(accept(listening_.get(), nullptr, nullptr));
      ASSERT_TRUE(passage::SendToken(connection_.get(), passage::Token()).ok());
    });
    auto client = SlabPassage::Connect(address_);
    accepts.join();
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  void Pass(SlabPassage& client, uint32_t places) const {
    const passage::Memory memory = {.places = places,
                                    .place_bytes = passage::PlaceBytes(kSlabBytes)};
    const passage::Descriptor file(memfd_create("places", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(ftruncate(file.get(), places * memory.place_bytes), 0);
    ASSERT_EQ(fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
    ASSERT_TRUE(passage::SendMemory(connection_.get(), memory, file.get()).ok());
    const absl::Status mapped = client.Map(places, kSlabBytes);
    ASSERT_TRUE(mapped.ok()) << mapped;
  }

  // The places that have come back.
  std::set<uint32_t> Returned() const {
    std::set<uint32_t> returned;
    for (;;) {
      const auto place = passage::ReceivePlace(connection_.get());
      if (!place.ok() || !place->has_value()) return returned;
      EXPECT_TRUE(returned.insert(**place).second) << **place;
    }
  }

  const std::string address_ = absl::StrCat("unix:", testing::TempDir(), "passage-", getpid());
  passage::Descriptor listening_;
  passage::Descriptor connection_;
  int ends_[2] = {-1, -1};
};

TEST_F(SlabPassageTest, NoPlaceIsLostWhereManyAreReturnedAtOnce) {
  constexpr uint32_t kPlaces = 2000;
  const auto client = Connect();
  Pass(*client, kPlaces);
  std::vector<Slab> slabs;
  for (uint32_t place = 1; place <= kPlaces; ++place) slabs.push_back(*client->Take(place));
  slabs.clear();
  std::set<uint32_t> returned = Returned();
  ASSERT_LT(returned.size(), kPlaces) << "there is room for all of them";
  ASSERT_GT(returned.size(), 50u);
  // Frames come in some of those, and the others go.
  for (const uint32_t place : std::set<uint32_t>(returned)) {
    slabs.push_back(*client->Take(place));
    const std::set<uint32_t> more = Returned();
    returned.insert(more.begin(), more.end());
    if (returned.size() == kPlaces) return;
    ASSERT_FALSE(more.empty());
  }
  FAIL() << returned.size() << " of " << kPlaces;
}

// Each is a connection of the client and of the server.
TEST_F(SlabPassageTest, WhereBatchesOfManyEndedStreamsAreKeptFramesTravel) {
  std::vector<Slab> kept;
  for (int i = 0; i < 64; ++i) {
    const auto client = Connect();
    Pass(*client, 1);
    kept.push_back(*client->Take(1));
  }
  EXPECT_TRUE(absl::IsUnavailable(SlabPassage::Connect(address_).status()));
  kept.pop_back();
  EXPECT_NE(Connect(), nullptr);
}

// The server is to notice that its client is gone, whatever children that has left.
TEST_F(SlabPassageTest, AForkedChildHasNoPartInIt) {
  for (const bool mapped : {false, true}) {
    SCOPED_TRACE(mapped);
    auto client = Connect();
    if (mapped) Pass(*client, 2);
    const pid_t child = fork();
    if (child == 0) {
      (void)close(ends_[1]);
      char byte = 0;
      (void)!read(ends_[0], &byte, 1);  // until its parent has looked
      _exit(0);
    }
    ASSERT_GT(child, 0);
    client.reset();
    pollfd waiting = {connection_.get(), POLLIN, 0};
    EXPECT_EQ(poll(&waiting, 1, 5000), 1);
    EXPECT_TRUE(absl::IsUnavailable(passage::ReceivePlace(connection_.get()).status()));
    ASSERT_EQ(write(ends_[1], "x", 1), 1);
    EXPECT_EQ(waitpid(child, nullptr, 0), child);
  }
}

}  // namespace
}  // namespace graphfeed
