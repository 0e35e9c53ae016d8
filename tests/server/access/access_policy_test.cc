#include "server/access/access_policy.h"

#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/access/access_control.h"

namespace graphfeed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kToken[] = "a-token-of-some-length";

std::shared_ptr<const AccessPolicy> Good(const std::string& text) {
  absl::StatusOr<std::shared_ptr<const AccessPolicy>> policy = AccessPolicy::Parse(text, "f");
  EXPECT_TRUE(policy.ok()) << policy.status();
  return policy.ok() ? *policy : nullptr;
}

std::string Wrong(const std::string& text) {
  const auto policy = AccessPolicy::Parse(text, "f");
  EXPECT_EQ(policy.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(policy.status().message());
}

TEST(AccessPolicyTest, KnowsWhomItDescribesAsAnotherFileDid) {
  const std::string file = R"(
principals:
  - {name: a, token: a-token-of-some-length, roles: reader, datasets: "*"}
  - {name: b, certificate: b.example, roles: reader, datasets: "*"}
anonymous: {roles: reader, datasets: "public-*"}
)";
  const auto before = Good(file);
  const auto a = before->FindToken(kToken);
  const auto b = before->FindCertificate("b.example");
  EXPECT_TRUE(before->Has(*a) && before->Has(*b) && before->Has(*before->anonymous()));
  const auto other_token = Good(absl::StrReplaceAll(file, {{"a-token", "b-token"}}));
  EXPECT_FALSE(other_token->Has(*a));
  EXPECT_TRUE(other_token->Has(*b) && other_token->Has(*before->anonymous()));
  const auto other_grant = Good(absl::StrReplaceAll(file, {{"public-", "open-"}}));
  EXPECT_TRUE(other_grant->Has(*a) && other_grant->Has(*b));
  EXPECT_FALSE(other_grant->Has(*before->anonymous()));
  EXPECT_FALSE(Good("principals: []")->Has(*b));
}

TEST(AccessPolicyTest, FindsPrincipalsByTokenAndCertificate) {
  const auto policy = Good(R"(
principals:
  - name: team
    token: [a-token-of-some-length, a-second-token-of-it]
    certificate: host.example
    roles: [reader, worker]
    datasets: ["team-*", shared]
    limits: {streams: 7, prefetch: 16, requests-per-second: 0, slab-bytes: 1000, stored-bytes: 2000}
  - name: second
    token-sha256: 2F0D0AC4A9D24F1F5F5B1A2E8C1D4AC7A8A3C2B3AA6E5B1E0D3C4F5A6B7C8D9E
    roles: writer
    datasets: "*"
)");
  ASSERT_NE(policy, nullptr);
  const auto team = policy->FindToken(kToken);
  ASSERT_NE(team, nullptr);
  EXPECT_EQ(team->name, "team");
  EXPECT_EQ(policy->FindToken("a-second-token-of-it"), team);
  EXPECT_EQ(policy->FindCertificate("host.example"), team);
  EXPECT_EQ(team->roles.ToString(), "reader, worker");
  EXPECT_FALSE(team->roles.Intersects(Role::kWriter));
  EXPECT_TRUE(team->MayUse("team-a@3"));
  EXPECT_TRUE(team->MayUse("shared"));
  EXPECT_FALSE(team->MayUse("sharedx"));
  EXPECT_FALSE(team->MayUse(""));
  EXPECT_EQ(team->quota.streams, 7);
  EXPECT_EQ(team->quota.slab_bytes, 1000);
  EXPECT_EQ(team->quota.stored_bytes, 2000);
  EXPECT_EQ(team->quota.prefetch, 16);
  EXPECT_EQ(team->quota.requests_per_second, 0);
  EXPECT_EQ(team->quota.ingests, -1);
  for (const char* stranger : {"", "a-token-of-some-lengt", "a-token-of-some-length ", "team"}) {
    EXPECT_EQ(policy->FindToken(stranger), nullptr) << stranger;
  }
  EXPECT_EQ(policy->FindCertificate("team"), nullptr);
  EXPECT_EQ(policy->anonymous(), nullptr);
}

TEST(AccessPolicyTest, ADigestStandsForItsToken) {
  const auto policy = Good(
      "principals: [{name: a, roles: reader, datasets: \"*\", token-sha256: "
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}]");  // of "abc"
  ASSERT_NE(policy, nullptr);
  EXPECT_NE(policy->FindToken("abc"), nullptr);
  EXPECT_EQ(policy->FindToken("abd"), nullptr);
}

TEST(AccessPolicyTest, EveryProblemIsListedWithItsLineAndWithoutSecrets) {
  const std::string said = Wrong(R"(principals:
  - {name: a, token: tiny, roles: [king], datasets: "*"}
  - {name: a, token: a-token-of-some-length, roles: reader, datasets: "*"}
  - {name: b, token: a-token-of-some-length, roles: reader, datasets: "*"}
  - {name: c, roles: reader, datasets: "*"}
  - {name: d, token: another-long-token-x}
  - {name: e, token-sha256: xyz, roles: reader, datasets: "*", limits: {streams: -1, cpu: 3}}
  - {name: anonymous, token: yet-another-long-token, roles: reader, datasets: "*"}
  - {nam: f}
tokens: []
)");
  for (const char* line :
       {"f:2: token: of 4 bytes; at least 16", "f:2: roles: \"king\"; reader, writer",
        "f:3: name: \"a\" is another's", "f:4: the token of a is that of b",
        "f:5: c: a token, token-sha256 or certificate", "f:6: d: roles and datasets are wanted",
        "f:7: token-sha256: 64 hexadecimal", "f:7: limits: streams: a whole number",
        "f:7: cpu: unknown; one of ", "f:8: name: one of 1 to 128", "f:9: nam: unknown",
        "f:10: tokens: unknown"}) {
    EXPECT_THAT(said, HasSubstr(line));
  }
  EXPECT_THAT(said, AllOf(Not(HasSubstr("tiny")), Not(HasSubstr("some-length")),
                          Not(HasSubstr("another-long"))));
}

TEST(AccessPolicyTest, WhatIsNoAccessFile) {
  EXPECT_THAT(Wrong("- a\n"), HasSubstr("f:1: a map of"));
  EXPECT_THAT(Wrong("principals: {a: b}\n"), HasSubstr("a list is wanted"));
  EXPECT_THAT(Wrong("principals: [\n"), HasSubstr("f:"));
  EXPECT_THAT(Wrong("a: b: c\n"), HasSubstr("f:1: "));
  EXPECT_THAT(Wrong("principals: [3]\n"), HasSubstr("a map is wanted for each"));
  EXPECT_NE(Good("principals: []\n"), nullptr);
}

TEST(AccessControlTest, WithoutAFileEverybodyMayDoEverything) {
  AccessControl access("");
  ASSERT_TRUE(access.Reload().ok());
  const auto anyone = access.Authenticate({});
  ASSERT_TRUE(anyone.ok());
  EXPECT_EQ((*anyone)->name, "anonymous");
  EXPECT_TRUE((*anyone)->MayUse("x"));
  const auto host =
      access.Authenticate({.authorization = {}, .certificate_names = {"host.example"}});
  EXPECT_EQ((*host)->name, "host.example");
}

TEST(AccessControlTest, ATokenDecidesAndAnonymousCallersMayBeLetIn) {
  const std::string path = testing::TempDir() + "/access_control_test.yaml";
  const auto write = [&](const std::string& text) {
    FILE* const file = std::fopen(path.c_str(), "w");
    std::fputs(text.c_str(), file);
    std::fclose(file);
  };
  AccessControl access(path);
  std::remove(path.c_str());
  EXPECT_EQ(access.Reload().code(), absl::StatusCode::kUnavailable);
  write(
      "principals: [{name: t, token: a-token-of-some-length, certificate: h, roles: reader, "
      "datasets: \"*\"}]\n");
  ASSERT_TRUE(access.Reload().ok());
  const auto ask = [&](std::optional<absl::string_view> header, std::vector<std::string> names) {
    const auto principal =
        access.Authenticate({.authorization = header, .certificate_names = std::move(names)});
    return principal.ok() ? (*principal)->name : std::string(principal.status().message());
  };
  EXPECT_EQ(ask("Bearer a-token-of-some-length", {}), "t");
  EXPECT_EQ(ask("bearer a-token-of-some-length", {}), "t");
  EXPECT_EQ(ask(std::nullopt, {"x", "h"}), "t");
  EXPECT_THAT(ask("Bearer wrong", {"h"}), HasSubstr("not known here"));
  EXPECT_THAT(ask("Basic a-token-of-some-length", {}), HasSubstr("\"Bearer TOKEN\" is wanted"));
  EXPECT_THAT(ask("", {"h"}), HasSubstr("\"Bearer TOKEN\" is wanted"));
  EXPECT_THAT(ask(std::nullopt, {"x"}), HasSubstr("certificate are not known here"));
  EXPECT_THAT(ask(std::nullopt, {}), HasSubstr("wants a token"));

  EXPECT_FALSE(*access.ReloadIfChanged());
  write("anonymous: {roles: reader, datasets: [\"public-*\"]}\n");
  EXPECT_TRUE(*access.ReloadIfChanged());
  EXPECT_EQ(ask(std::nullopt, {}), "anonymous");
  EXPECT_THAT(ask("Bearer a-token-of-some-length", {}), HasSubstr("not known here"));

  write("nonsense: 1\n");
  EXPECT_FALSE(access.ReloadIfChanged().ok());
  EXPECT_TRUE(access.ReloadIfChanged().ok()) << "said once";
  EXPECT_EQ(ask(std::nullopt, {}), "anonymous") << "what was in force stays";
  EXPECT_FALSE(access.Reload().ok()) << "said whenever it is asked for";
}

}  // namespace
}  // namespace graphfeed
