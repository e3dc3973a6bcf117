#include <cstdint>
#include <healthai/crypto/key_agreement.hpp>
#include <healthai/crypto/key_derivation.hpp>
#include <healthai/secagg/mask.hpp>
#include <vector>

int main() {
  const healthai::X25519Key north = healthai::X25519Key::make(), south = healthai::X25519Key::make();
  std::vector<healthai::secagg::SignedSeed> seeds(2);
  seeds[0].seed = healthai::hkdf_sha256<32>(north.agree(south.public_key()).bytes(), {}, "mask");
  seeds[1].seed = healthai::hkdf_sha256<32>(south.agree(north.public_key()).bytes(), {}, "mask");
  seeds[1].sign = healthai::secagg::MaskSign::minus;
  std::vector<std::uint32_t> values(100, 7);
  healthai::secagg::add_masks(values, seeds);
  return values == std::vector<std::uint32_t>(100, 7) ? 0 : 1;
}
