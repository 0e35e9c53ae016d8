#include "server/access/access_policy.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <set>

#include "absl/algorithm/container.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "yaml-cpp/yaml.h"

namespace graphfeed {
namespace {

// A shorter one can be guessed.
constexpr size_t kMinTokenBytes = 16;
constexpr size_t kMaxNameBytes = 128;
constexpr const char* kAnonymous = "anonymous";
// Others that stand for nobody in particular: in audits, and where metrics do not tell more apart.
constexpr absl::string_view kReserved[] = {kAnonymous, "server", "local", "unknown", "other"};

struct Limit {
  const char* name;
  int64_t Quota::*member;
};
constexpr Limit kLimits[] = {
    {"streams", &Quota::streams},       {"prefetch", &Quota::prefetch},
    {"ingests", &Quota::ingests},       {"requests-per-second", &Quota::requests_per_second},
    {"slab-bytes", &Quota::slab_bytes}, {"stored-bytes", &Quota::stored_bytes},
};

std::array<uint8_t, 32> Sha256(absl::string_view text) {
  std::array<uint8_t, 32> digest;
  (void)SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

}  // namespace

// One reading of a file: says all that is wrong.
class AccessFileReader {
 public:
  explicit AccessFileReader(absl::string_view file) : file_(file) {}

  void Read(const YAML::Node& root) {
    if (!root.IsMap()) return Problem(root, "a map of \"principals\" and \"anonymous\" is wanted");
    CheckKeys(root, {"principals", kAnonymous});
    if (const YAML::Node principals = root["principals"]; principals.IsDefined()) {
      if (!principals.IsSequence()) return Problem(principals, "principals: a list is wanted");
      for (const YAML::Node& entry : principals) ReadPrincipal(entry);
    }
    if (const YAML::Node anonymous = root[kAnonymous]; anonymous.IsDefined()) {
      if (!anonymous.IsMap()) return Problem(anonymous, "anonymous: a map is wanted");
      CheckKeys(anonymous, {"roles", "datasets", "limits"});
      policy_->anonymous_ = ReadRights(anonymous, kAnonymous);
    }
  }

  void Problem(int line, absl::string_view what) {
    problems_.push_back(absl::StrCat(file_, ":", line, ": ", what));
  }

  absl::StatusOr<std::shared_ptr<const AccessPolicy>> Finish() && {
    if (!problems_.empty()) return absl::InvalidArgumentError(absl::StrJoin(problems_, "\n"));
    return std::shared_ptr<const AccessPolicy>(std::move(policy_));
  }

 private:
  void Problem(const YAML::Node& at, absl::string_view what) { Problem(at.Mark().line + 1, what); }

  void CheckKeys(const YAML::Node& map, const std::set<std::string>& known) {
    std::set<std::string> seen;
    for (const auto& entry : map) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
      if (known.count(key) == 0) {
        Problem(entry.first, absl::StrCat(key, ": unknown; one of ", absl::StrJoin(known, ", ")));
      } else if (!seen.insert(key).second) {
        Problem(entry.first, absl::StrCat(key, ": there twice"));
      }
    }
  }

  // One text, or a list of them.
  std::vector<std::string> Texts(const YAML::Node& map, const char* key) {
    const YAML::Node value = map[key];
    std::vector<std::string> texts;
    if (!value.IsDefined()) return texts;
    const auto add = [&](const YAML::Node& node) {
      if (node.IsScalar() && !node.Scalar().empty()) {
        texts.push_back(node.Scalar());
      } else {
        Problem(node, absl::StrCat(key, ": a text, or a list of texts, is wanted"));
      }
    };
    if (!value.IsSequence()) {
      add(value);
    } else {
      for (const YAML::Node& node : value) add(node);
    }
    return texts;
  }

  void ReadPrincipal(const YAML::Node& entry) {
    if (!entry.IsMap()) return Problem(entry, "principals: a map is wanted for each");
    CheckKeys(entry,
              {"name", "token", "token-sha256", "certificate", "roles", "datasets", "limits"});
    const std::vector<std::string> names = Texts(entry, "name");
    if (names.size() != 1 || names[0].size() > kMaxNameBytes ||
        absl::c_linear_search(kReserved, names[0])) {
      return Problem(
          entry, absl::StrCat("name: one of 1 to ", kMaxNameBytes,
                              " bytes is wanted, which is not ", absl::StrJoin(kReserved, ", ")));
    }
    if (!names_.insert(names[0]).second) {
      Problem(entry, absl::StrCat("name: \"", names[0], "\" is another's, too"));
    }
    const std::shared_ptr<const Principal> principal = ReadRights(entry, names[0]);
    const std::vector<std::string> tokens = Texts(entry, "token");
    const std::vector<std::string> digests = Texts(entry, "token-sha256");
    const std::vector<std::string> certificates = Texts(entry, "certificate");
    if (tokens.empty() && digests.empty() && certificates.empty()) {
      Problem(entry, absl::StrCat(names[0], ": a token, token-sha256 or certificate is wanted"));
    }
    for (const std::string& token : tokens) AddToken(entry["token"], token, principal);
    for (const std::string& hex : digests) AddDigest(entry["token-sha256"], hex, principal);
    for (const std::string& name : certificates) {
      if (policy_->certificates_.emplace(name, principal).second) continue;
      Problem(entry["certificate"], absl::StrCat("certificate: \"", name, "\" is another's, too"));
    }
  }

  // Texts of tokens are not in what is said of them.
  void AddToken(const YAML::Node& at, const std::string& token,
                const std::shared_ptr<const Principal>& principal) {
    const bool plain =
        std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (token.size() < kMinTokenBytes || !plain) {
      return Problem(at,
                     absl::StrCat("token: of ", token.size(), " bytes; at least ", kMinTokenBytes,
                                  " printable characters without spaces are wanted"));
    }
    Add(at, Sha256(token), principal);
  }

  void AddDigest(const YAML::Node& at, const std::string& hex,
                 const std::shared_ptr<const Principal>& principal) {
    const bool is_hex = std::all_of(hex.begin(), hex.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
    AccessPolicy::Digest digest;
    if (hex.size() != 2 * digest.size() || !is_hex) {
      return Problem(at, "token-sha256: 64 hexadecimal digits are wanted");
    }
    const std::string bytes = absl::HexStringToBytes(hex);
    std::memcpy(digest.data(), bytes.data(), digest.size());
    Add(at, digest, principal);
  }

  void Add(const YAML::Node& at, const AccessPolicy::Digest& digest,
           const std::shared_ptr<const Principal>& principal) {
    for (const auto& [known, owner] : policy_->tokens_) {
      if (known != digest) continue;
      return Problem(
          at, absl::StrCat("the token of ", owner->name, " is that of ", principal->name, ", too"));
    }
    policy_->tokens_.emplace_back(digest, principal);
  }

  std::shared_ptr<const Principal> ReadRights(const YAML::Node& entry, const std::string& name) {
    auto principal = std::make_shared<Principal>();
    principal->name = name;
    const std::array<uint8_t, 32> digest = Sha256(YAML::Dump(entry));
    principal->definition.assign(digest.begin(), digest.end());
    for (const std::string& text : Texts(entry, "roles")) {
      if (const std::optional<Role> role = ParseRole(text)) {
        principal->roles = principal->roles | *role;
      } else {
        Problem(entry["roles"], absl::StrCat("roles: \"", text, "\"; ", RoleSet::All().ToString()));
      }
    }
    if (!entry["roles"].IsDefined() || !entry["datasets"].IsDefined()) {
      Problem(entry,
              absl::StrCat(name, ": roles and datasets are wanted; [\"*\"] are all datasets"));
    }
    principal->datasets = Texts(entry, "datasets");
    if (const YAML::Node limits = entry["limits"]; limits.IsDefined()) {
      ReadLimits(limits, principal->quota);
    }
    return principal;
  }

  void ReadLimits(const YAML::Node& limits, Quota& quota) {
    if (!limits.IsMap()) return Problem(limits, "limits: a map is wanted");
    std::set<std::string> known;
    for (const Limit& limit : kLimits) known.insert(limit.name);
    CheckKeys(limits, known);
    for (const Limit& limit : kLimits) {
      const YAML::Node value = limits[limit.name];
      if (!value.IsDefined()) continue;
      int64_t number = -1;
      if (value.IsScalar() && absl::SimpleAtoi(value.Scalar(), &number) && number >= 0) {
        quota.*limit.member = number;
        continue;
      }
      Problem(value,
              absl::StrCat("limits: ", limit.name, ": a whole number, at least 0, is wanted"));
    }
  }

  const std::string file_;
  std::shared_ptr<AccessPolicy> policy_ = std::make_shared<AccessPolicy>();
  std::set<std::string> names_;
  std::vector<std::string> problems_;
};

absl::StatusOr<std::shared_ptr<const AccessPolicy>> AccessPolicy::Parse(const std::string& text,
                                                                        absl::string_view name) {
  AccessFileReader reader(name);
  try {
    reader.Read(YAML::Load(text));
  } catch (const YAML::Exception& error) {
    reader.Problem(error.mark.line + 1, error.msg);
  }
  return std::move(reader).Finish();
}

std::shared_ptr<const Principal> AccessPolicy::FindToken(absl::string_view token) const {
  const Digest digest = Sha256(token);
  std::shared_ptr<const Principal> found;
  for (const auto& [known, principal] : tokens_) {  // all of them, whichever it is
    if (CRYPTO_memcmp(known.data(), digest.data(), digest.size()) == 0) found = principal;
  }
  return found;
}

bool AccessPolicy::Has(const Principal& principal) const {
  const auto same = [&](const std::shared_ptr<const Principal>& other) {
    return other != nullptr && other->name == principal.name &&
           other->definition == principal.definition;
  };
  return same(anonymous_) ||
         std::any_of(tokens_.begin(), tokens_.end(),
                     [&](const auto& entry) { return same(entry.second); }) ||
         std::any_of(certificates_.begin(), certificates_.end(),
                     [&](const auto& entry) { return same(entry.second); });
}

std::vector<std::string> AccessPolicy::names() const {
  std::set<std::string> names;
  for (const auto& [digest, principal] : tokens_) names.insert(principal->name);
  for (const auto& [certificate, principal] : certificates_) names.insert(principal->name);
  if (anonymous_ != nullptr) names.insert(anonymous_->name);
  return {names.begin(), names.end()};
}

std::shared_ptr<const Principal> AccessPolicy::FindCertificate(const std::string& name) const {
  const auto found = certificates_.find(name);
  return found == certificates_.end() ? nullptr : found->second;
}

}  // namespace graphfeed
