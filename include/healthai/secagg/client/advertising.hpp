#pragma once

#include <memory>
#include <utility>

#include "healthai/crypto/key_agreement.hpp"
#include "healthai/crypto/random_bytes.hpp"
#include "healthai/crypto/secret.hpp"
#include "healthai/crypto/signing_key.hpp"
#include "healthai/secagg/messages.hpp"
#include "healthai/secagg/session.hpp"

namespace healthai::secagg {

/// A member in step 1: it has made the keys of this secure sum, which no other will use, and says so.
///
/// The five states of a member are five types, each made of the one before and of what the coordinator sent: a message out of turn has
/// no state to go to, and what was used is gone. A constructor that throws has released nothing; the sum is then over for this
/// member. Secrets are overwritten when a state goes. Thread safety: one thread at a time.
class Advertising {
 public:
  /// \param session  of terms that were found acceptable
  /// \param self     the member's place
  /// \throws Error (`crypto`)
  Advertising(std::shared_ptr<const Session> session, Index self, SigningKey key)
      : Advertising(std::move(session), self, std::move(key), X25519Key::make(), X25519Key::make(),
                    random_secret<32>()) {}
  /// With secrets from elsewhere, for tests that look behind the masks. Secrets that are used twice protect nothing.
  Advertising(std::shared_ptr<const Session> session, Index self, SigningKey key, X25519Key channel,
              X25519Key mask, Secret<32> self_mask)
      : session_(std::move(session)),
        self_(self),
        key_(std::move(key)),
        channel_(std::move(channel)),
        mask_(std::move(mask)),
        self_mask_(std::move(self_mask)) {
    message_.channel = channel_.public_key();
    message_.mask = mask_.public_key();
    message_.self_mask_check = session_->check_of(self_, self_mask_.bytes());
    message_.signature = key_.sign(session_->text_of_keys(self_, message_));
  }

  [[nodiscard]] const AdvertisedKeys& message() const noexcept { return message_; }
  [[nodiscard]] const Session& session() const noexcept { return *session_; }
  [[nodiscard]] Index self() const noexcept { return self_; }

 private:
  friend class SharingSecrets;
  std::shared_ptr<const Session> session_;
  Index self_;
  SigningKey key_;
  X25519Key channel_;
  X25519Key mask_;
  Secret<32> self_mask_;
  AdvertisedKeys message_{};
};

}  // namespace healthai::secagg
