#include "server/sharing/slab_ring.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/sharing/slab_socket.h"

namespace graphfeed {
namespace {

constexpr int kTimeoutMs = 20'000;

TEST(SlabRingTest, APlaceIsFreeOrASlabOrLent) {
  const int64_t before = SlabPool::TotalBytes();
  {
    auto ring = *SlabRing::Create(2, 5000);
    EXPECT_EQ(SlabPool::TotalBytes() - before, 2 * 8192);
    Slab a = ring->Take();
    Slab b = ring->Take();
    ASSERT_TRUE(a && b);
    EXPECT_FALSE(ring->Take());
    EXPECT_EQ(a.size(), 5000);
    std::memset(a.data(), 1, 5000);
    a = Slab();
    a = ring->Take();
    ASSERT_TRUE(a);

    int returned = 0;
    const uint32_t place = ring->Lend(std::move(a), [&returned] { ++returned; });
    EXPECT_FALSE(ring->TakeBack(0));
    EXPECT_FALSE(ring->TakeBack(3));
    EXPECT_FALSE(ring->TakeBack(3 - place));  // a slab of ours
    EXPECT_EQ(returned, 0);
    EXPECT_TRUE(ring->TakeBack(place));
    EXPECT_FALSE(ring->TakeBack(place));
    EXPECT_EQ(returned, 1);
  }
  EXPECT_EQ(SlabPool::TotalBytes(), before);
}

TEST(SlabRingTest, WhatIsLentComesBackWhenTheClientIsGone) {
  auto ring = *SlabRing::Create(3, 64);
  int returned = 0;
  const auto lend = [&] { ring->Lend(ring->Take(), [&returned] { ++returned; }); };
  lend();
  lend();
  ring->Close();
  EXPECT_EQ(returned, 2);
  for (int i = 0; i < 5; ++i) lend();
  EXPECT_EQ(returned, 7);
}

TEST(SlabRingTest, AtTheStreamsEndOnlyWhatTheClientHasIsKept) {
  const int64_t kept = SlabRing::KeptBytes();
  const int64_t before = SlabPool::TotalBytes();
  auto ring = *SlabRing::Create(3, 64);
  EXPECT_EQ(SlabPool::TotalBytes() - before, 3 * 4096);
  int released = 0;
  Slab slab = ring->Take();
  slab.data()[0] = std::byte{7};
  const std::byte* const data = slab.data();
  const uint32_t place = ring->Lend(std::move(slab), [&released] { ++released; });
  ring->EndStream();
  EXPECT_EQ(released, 1);
  EXPECT_EQ(SlabRing::KeptBytes() - kept, 4096);
  EXPECT_EQ(SlabPool::TotalBytes() - before, 4096);
  EXPECT_EQ(*data, std::byte{7});
  {
    const Slab one = ring->Take();
    const Slab other = ring->Take();
    EXPECT_TRUE(one && other);
    EXPECT_EQ(SlabPool::TotalBytes() - before, 3 * 4096);
  }
  EXPECT_EQ(SlabPool::TotalBytes() - before, 4096);
  EXPECT_TRUE(ring->TakeBack(place));
  EXPECT_FALSE(ring->TakeBack(place));
  EXPECT_EQ(SlabRing::KeptBytes(), kept);
  EXPECT_EQ(*data, std::byte{0});  // given back to the system
  EXPECT_EQ(SlabPool::TotalBytes(), before);
  EXPECT_EQ(released, 1);
}

TEST(SlabRingTest, TheClientCannotCutIt) {
  auto ring = *SlabRing::Create(2, 5000);
  EXPECT_NE(ftruncate(ring->fd(), 0), 0);
  EXPECT_NE(ftruncate(ring->fd(), 1 << 20), 0);
}

class SlabSocketTest : public testing::Test {
 protected:
  SlabSocketTest() : path_(absl::StrCat("unix:", testing::TempDir(), "slabs-", getpid())) {}

  // Whether the server hangs up.
  static bool HungUp(int connection) {
    pollfd waiting = {connection, POLLIN, 0};
    if (poll(&waiting, 1, kTimeoutMs) != 1) return false;
    char byte = 0;
    return read(connection, &byte, 1) <= 0;
  }

  // A client that has got memory.
  struct Receiver {
    Receiver(SlabSocket& socket, const std::string& path) {
      connection = *passage::Connect(path);
      const passage::Token token = *passage::ReceiveToken(connection.get(), kTimeoutMs);
      EXPECT_TRUE(socket.Pass({token.data(), token.size()}, ring));
      passage::Memory memory;
      EXPECT_TRUE(passage::ReceiveMemory(connection.get(), kTimeoutMs, memory).ok());
    }
    std::optional<std::string> Next() const {
      std::string buffer;
      const auto message = *passage::ReceiveMessage(connection.get(), buffer);
      return message.has_value() ? std::optional(std::string(*message)) : std::nullopt;
    }
    void ExpectReturns() const {
      std::atomic<bool> returned = false;
      const uint32_t place = ring->Lend(ring->Take(), [&returned] { returned = true; });
      ASSERT_TRUE(passage::SendPlace(connection.get(), place).ok());
      const auto deadline =
          std::chrono::steady_clock::now() + std::chrono::milliseconds(kTimeoutMs);
      while (!returned && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
      EXPECT_TRUE(returned);
    }

    std::shared_ptr<SlabRing> ring = *SlabRing::Create(2, 64);
    passage::Descriptor connection;
  };

  // Two ends of a connection, without a server.
  static std::pair<passage::Descriptor, passage::Descriptor> Pair() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    return {passage::Descriptor(ends[0]), passage::Descriptor(ends[1])};
  }

  const std::string path_;
};

TEST_F(SlabSocketTest, WhoIsConnectedGetsMemoryAndReturnsItsOwn) {
  auto socket = *SlabSocket::Listen(path_, 2);
  const passage::Descriptor client = *passage::Connect(path_);
  const passage::Token token = *passage::ReceiveToken(client.get(), kTimeoutMs);
  const absl::string_view text(token.data(), token.size());
  auto ring = *SlabRing::Create(2, 10'000);
  EXPECT_FALSE(socket->Pass("another token...", ring));
  ASSERT_TRUE(socket->Pass(text, ring));
  EXPECT_FALSE(socket->Pass(text, ring));  // one stream, one memory
  passage::Memory memory;
  const passage::Descriptor passed = *passage::ReceiveMemory(client.get(), kTimeoutMs, memory);
  EXPECT_EQ(memory.places, 2u);
  EXPECT_EQ(memory.place_bytes, 12288);

  Slab slab = ring->Take();
  std::memset(slab.data(), 42, 10'000);
  std::atomic<bool> returned = false;
  const uint32_t place = ring->Lend(std::move(slab), [&returned] { returned = true; });
  void* const data = mmap(nullptr, 2 * 12288, PROT_READ | PROT_WRITE, MAP_SHARED, passed.get(), 0);
  ASSERT_NE(data, MAP_FAILED);
  EXPECT_EQ(static_cast<const char*>(data)[(place - 1) * 12288 + 9999], 42);
  (void)munmap(data, 2 * 12288);
  ASSERT_TRUE(passage::SendPlace(client.get(), place).ok());
  while (!returned) std::this_thread::yield();
  ASSERT_TRUE(passage::SendPlace(client.get(), place).ok());  // it has it no more
  EXPECT_TRUE(HungUp(client.get()));
}

// Batches that a client holds, or has not received yet, are its own when the server goes, before
// its stream has ended or after that.
TEST_F(SlabSocketTest, WhatClientsHaveStaysAsItIsWhenTheServerGoes) {
  for (const bool stream_ended : {false, true}) {
    SCOPED_TRACE(stream_ended);
    const int64_t kept = SlabRing::KeptBytes();
    auto socket = SlabSocket::Listen(path_, 2).value();
    const passage::Descriptor client = *passage::Connect(path_);
    const passage::Token token = *passage::ReceiveToken(client.get(), kTimeoutMs);
    auto ring = *SlabRing::Create(3, 10'000);
    ASSERT_TRUE(socket->Pass({token.data(), token.size()}, ring));
    passage::Memory memory;
    const passage::Descriptor passed = *passage::ReceiveMemory(client.get(), kTimeoutMs, memory);
    const auto bytes = static_cast<size_t>(memory.places * memory.place_bytes);
    void* const mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, passed.get(), 0);
    ASSERT_NE(mapped, MAP_FAILED);

    std::vector<uint32_t> places;
    int released = 0;
    for (int i = 0; i < 2; ++i) {
      Slab slab = ring->Take();
      std::memset(slab.data(), 42 + i, 10'000);
      places.push_back(ring->Lend(std::move(slab), [&released] { ++released; }));
    }
    if (stream_ended) ring->EndStream();
    socket.reset();
    EXPECT_EQ(released, 2);
    EXPECT_EQ(SlabRing::KeptBytes(), kept);
    ring->EndStream();
    EXPECT_TRUE(ring->Take());
    EXPECT_FALSE(ring->Take());  // the client has the others
    ring.reset();
    for (int i = 0; i < 2; ++i) {
      const auto* const place =
          static_cast<const char*>(mapped) + (places[i] - 1) * memory.place_bytes;
      EXPECT_EQ(std::count(place, place + 10'000, 42 + i), 10'000);
    }
    (void)munmap(mapped, bytes);
  }
}

TEST_F(SlabSocketTest, MessagesFollowTheMemoryUntilTheyEnd) {
  auto socket = *SlabSocket::Listen(path_, 2);
  const Receiver client(*socket, path_);
  EXPECT_TRUE(client.ring->SendMessage("one"));
  EXPECT_TRUE(client.ring->SendMessage(std::string(passage::kMaxMessageBytes, 'x')));
  EXPECT_EQ(client.Next(), "one");
  client.ring->EndMessages();
  EXPECT_FALSE(client.ring->SendMessage("more"));
  EXPECT_EQ(client.Next(), std::string(passage::kMaxMessageBytes, 'x'));
  EXPECT_EQ(client.Next(), std::nullopt);
  EXPECT_EQ(client.Next(), std::nullopt);
  client.ExpectReturns();
}

TEST_F(SlabSocketTest, AMessageWithoutRoomEndsThemAndNoneIsLost) {
  auto socket = *SlabSocket::Listen(path_, 2);
  const Receiver client(*socket, path_);
  EXPECT_TRUE(client.ring->SendMessage("one"));
  EXPECT_FALSE(client.ring->SendMessage(std::string(passage::kMaxMessageBytes + 1, 'x')));
  EXPECT_FALSE(client.ring->SendMessage("two"));
  EXPECT_EQ(client.Next(), "one");
  EXPECT_EQ(client.Next(), std::nullopt);

  const Receiver slow(*socket, path_);
  int sent = 0;
  while (slow.ring->SendMessage(absl::StrCat(sent))) ++sent;
  EXPECT_GT(sent, 50);
  for (int i = 0; i < sent; ++i) EXPECT_EQ(slow.Next(), absl::StrCat(i));
  EXPECT_EQ(slow.Next(), std::nullopt);
  slow.ExpectReturns();
}

TEST_F(SlabSocketTest, AClientThatRefusesMessagesOrIsGoneIsSentNone) {
  auto socket = *SlabSocket::Listen(path_, 2);
  {
    const Receiver refusing(*socket, path_);
    EXPECT_TRUE(refusing.ring->SendMessage("one"));
    passage::RefuseMessages(refusing.connection.get());
    EXPECT_FALSE(refusing.ring->SendMessage("two"));
    EXPECT_EQ(refusing.Next(), "one");
    EXPECT_EQ(refusing.Next(), std::nullopt);
    refusing.ExpectReturns();
  }
  std::optional<Receiver> going(std::in_place, *socket, path_);
  const std::shared_ptr<SlabRing> ring = going->ring;
  going.reset();
  EXPECT_FALSE(ring->SendMessage("one"));
}

// From whatever sends there.
TEST_F(SlabSocketTest, AMessageThatIsTooLongIsReceivedAsAnEmptyOne) {
  const auto [sender, receiver] = Pair();
  const std::string large(passage::kMaxMessageBytes + 1, 'x');
  ASSERT_EQ(send(sender.get(), large.data(), large.size(), 0), std::ssize(large));
  std::string buffer;
  EXPECT_EQ(*passage::ReceiveMessage(receiver.get(), buffer), "");
}

// A sender that ends at once may be seen to have ended before what it has sent is seen. No other
// way is known to make the kernel say "the end", then a packet.
TEST_F(SlabSocketTest, BehindWhatLooksLikeTheEndAMessageIsLookedFor) {
  const auto [sender, receiver] = Pair();
  ASSERT_EQ(send(sender.get(), "", 0, 0), 0);
  ASSERT_TRUE(passage::SendMessage(sender.get(), "one").ok());
  passage::EndMessages(sender.get());
  std::string buffer;
  EXPECT_EQ(*passage::ReceiveMessage(receiver.get(), buffer), "one");
  EXPECT_EQ(*passage::ReceiveMessage(receiver.get(), buffer), std::nullopt);
}

TEST_F(SlabSocketTest, ASenderThatEndsBehindAMessageLosesNone) {
  constexpr int kRounds = 20'000;
  struct Round {
    std::pair<passage::Descriptor, passage::Descriptor> ends = Pair();
    std::atomic<bool> receiving = false;
  };
  std::atomic<Round*> current = nullptr;
  std::thread sends([&current] {
    for (int i = 0; i < kRounds; ++i) {
      Round* round = nullptr;
      while ((round = current.exchange(nullptr)) == nullptr) std::this_thread::yield();
      for (int spins = i % 64; spins > 0; --spins) (void)round->receiving.load();
      EXPECT_TRUE(passage::SendMessage(round->ends.first.get(), "last").ok());
      passage::EndMessages(round->ends.first.get());
      round->receiving = false;
    }
  });
  int lost = 0;
  std::string buffer;
  for (int i = 0; i < kRounds; ++i) {
    Round round;
    round.receiving = true;
    current = &round;
    const auto message = passage::ReceiveMessage(round.ends.second.get(), buffer);
    if (!message.ok() || *message != "last") ++lost;
    while (round.receiving) std::this_thread::yield();
  }
  sends.join();
  EXPECT_EQ(lost, 0);
}

TEST_F(SlabSocketTest, WhatCannotBeReceivedIsNoEnd) {
  const passage::Descriptor none(open("/dev/null", O_RDONLY | O_CLOEXEC));
  std::string buffer;
  EXPECT_TRUE(absl::IsUnavailable(passage::ReceiveMessage(none.get(), buffer).status()));
}

// As of a server that ends while places are under way to it.
TEST_F(SlabSocketTest, ASenderThatClosesWithSomethingUnreadLosesNoMessage) {
  auto [sender, receiver] = Pair();
  ASSERT_TRUE(passage::SendMessage(sender.get(), "one").ok());
  ASSERT_TRUE(passage::SendMessage(sender.get(), "two").ok());
  ASSERT_TRUE(passage::SendPlace(receiver.get(), 1).ok());
  sender.Close();
  std::string buffer;
  EXPECT_EQ(*passage::ReceiveMessage(receiver.get(), buffer), "one");
  EXPECT_EQ(*passage::ReceiveMessage(receiver.get(), buffer), "two");
  EXPECT_EQ(*passage::ReceiveMessage(receiver.get(), buffer), std::nullopt);
}

TEST_F(SlabSocketTest, TooManyAndNonsenseAreTurnedAway) {
  auto socket = *SlabSocket::Listen(path_, 1);
  {
    const passage::Descriptor first = *passage::Connect(path_);
    ASSERT_TRUE(passage::ReceiveToken(first.get(), kTimeoutMs).ok());
    const passage::Descriptor second = *passage::Connect(path_);
    EXPECT_TRUE(absl::IsUnavailable(passage::ReceiveToken(second.get(), kTimeoutMs).status()));
    ASSERT_EQ(write(first.get(), "nonsense", 8), 8);
    EXPECT_TRUE(HungUp(first.get()));
  }
  const passage::Descriptor third = *passage::Connect(path_);
  EXPECT_TRUE(passage::ReceiveToken(third.get(), kTimeoutMs).ok());
  const std::string file = path_.substr(5);
  EXPECT_TRUE(std::filesystem::exists(file));
  socket.reset();
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_TRUE(HungUp(third.get()));
}

TEST_F(SlabSocketTest, WithoutDescriptorsPlacesComeBackAndWhoWaitsIsServedLater) {
  auto socket = *SlabSocket::Listen(path_, 10);
  const passage::Descriptor client = *passage::Connect(path_);
  const passage::Token token = *passage::ReceiveToken(client.get(), kTimeoutMs);
  auto ring = *SlabRing::Create(1, 64);
  ASSERT_TRUE(socket->Pass({token.data(), token.size()}, ring));
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlimit none = limit;
  passage::Descriptor waiting;
  {
    std::vector<passage::Descriptor> taken;
    none.rlim_cur = 256;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (int fd = dup(0); fd >= 0; fd = dup(0)) taken.emplace_back(fd);
    ASSERT_FALSE(taken.empty());
    taken.pop_back();  // for the one who waits; the server has none left
    waiting = *passage::Connect(path_);
    for (int i = 0; i < 3; ++i) {
      std::atomic<bool> returned = false;
      ASSERT_TRUE(passage::SendPlace(client.get(), ring->Lend(ring->Take(), [&] {
                    returned = true;
                  })).ok());
      while (!returned) std::this_thread::yield();
    }
    pollfd greeting = {waiting.get(), POLLIN, 0};
    EXPECT_EQ(poll(&greeting, 1, 0), 0);
  }
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_TRUE(passage::ReceiveToken(waiting.get(), kTimeoutMs).ok());
}

// Clients that take, return and vanish while streams go on.
TEST_F(SlabSocketTest, ManyClientsAtOnce) {
  auto socket = *SlabSocket::Listen(path_, 100);
  std::atomic<int> returned = 0;
  std::atomic<int> lent = 0;
  const auto run = [&](int seed) {
    for (int round = 0; round < 20; ++round) {
      passage::Descriptor client = *passage::Connect(path_);
      const passage::Token token = *passage::ReceiveToken(client.get(), kTimeoutMs);
      auto ring = *SlabRing::Create(4, 100);
      ASSERT_TRUE(socket->Pass({token.data(), token.size()}, ring));
      for (int frame = 0; frame < 50; ++frame) {
        Slab slab = ring->Take();
        if (!slab) {  // what was returned is on its way
          std::this_thread::yield();
          continue;
        }
        ++lent;
        const uint32_t place = ring->Lend(std::move(slab), [&returned] { ++returned; });
        if ((frame + seed) % 7 != 0 || round % 2 == 0) {
          ASSERT_TRUE(passage::SendPlace(client.get(), place).ok());
        }
      }
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back(run, t);
  for (std::thread& thread : threads) thread.join();
  socket.reset();
  EXPECT_GT(lent, 4 * 20 * 4);
  EXPECT_EQ(returned, lent);
}

}  // namespace
}  // namespace graphfeed
