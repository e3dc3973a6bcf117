#pragma once

#include <array>
#include <boost/mpl/bool.hpp>
#include <boost/serialization/collection_size_type.hpp>
#include <boost/serialization/item_version_type.hpp>
#include <boost/serialization/level.hpp>
#include <boost/serialization/library_version_type.hpp>
#include <boost/serialization/serialization.hpp>
#include <boost/serialization/version.hpp>
#include <boost/serialization/wrapper.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include "healthai/core/error.hpp"
#include "healthai/serialization/concept.hpp"
#include "healthai/serialization/detail/wire.hpp"

namespace healthai {

/// Reads values from a ByteSource, in the format that archive.hpp describes. What it reads may be hostile.
///
/// \throws Error (`archive_truncated`) when the data end before the value does, (`archive_limit`) for a length beyond the
/// data or a number beyond its type, (`archive_corrupt`) for a bool that is neither 0 nor 1 or a repeated key,
/// (`archive_version`) for a newer class version, and what the types themselves throw for values they do not allow.
/// After an exception the reader is of no more use and the value read is unspecified. Thread safety: none; the source
/// must outlive it.
template <ByteSource Source>
class BinaryReader {
 public:
  using is_saving = boost::mpl::bool_<false>;
  using is_loading = boost::mpl::bool_<true>;

  explicit BinaryReader(Source& source) : source_(source), size_(source.remaining()) {}
  BinaryReader(const BinaryReader&) = delete;
  BinaryReader& operator=(const BinaryReader&) = delete;

  template <class T>
  BinaryReader& operator>>(T&& value) {
    load(value);
    return *this;
  }
  template <class T>
  BinaryReader& operator&(T&& value) {
    load(value);
    return *this;
  }

  /// `size` bytes as they are.
  void load_binary(void* bytes, std::size_t size) {
    if (size == 0) return;
    if (size > remaining()) {
      throw Error(error::archive_truncated, "the data end too early: at byte " + std::to_string(position()) +
                                                ", " + std::to_string(size) + " more are needed and " +
                                                std::to_string(remaining()) + " are there");
    }
    source_.read(std::span<std::byte>(static_cast<std::byte*>(bytes), size));
  }

  /// What `BinaryWriter::numbers` wrote, as many as the span has.
  template <class T>
  void numbers(std::span<T> numbers) {
    static_assert(detail::is_number<T>, "numbers() fills a span of numbers");
    load_elements(numbers.data(), numbers.size());
  }
  /// What `BinaryWriter::detached` wrote: with a source that has a member `attach(bytes)`, the numbers come later.
  template <class T>
  void detached(std::span<T> numbers) {
    static_assert(detail::is_number<T>, "detached() fills a span of numbers");
    if constexpr (requires { source_.attach(std::as_writable_bytes(numbers)); }) {
      source_.attach(std::as_writable_bytes(numbers));
    } else {
      this->numbers(numbers);
    }
  }
  /// `require` for what `detached` will read. \throws Error (`archive_limit`)
  void require_detached(std::size_t count, std::size_t bytes_each) const {
    if constexpr (requires { source_.require_attached(count, bytes_each); }) {
      source_.require_attached(count, bytes_each);
    } else {
      require(count, bytes_each);
    }
  }
  /// How many bytes are left. Nothing that is read can be longer.
  [[nodiscard]] std::uint64_t remaining() const { return source_.remaining(); }
  /// How many bytes were read so far.
  [[nodiscard]] std::uint64_t position() const { return size_ - source_.remaining(); }

  /// Checks that `count` elements of at least `bytes_each` bytes can still come. Call it before allocating for them.
  /// \throws Error (`archive_limit`)
  void require(std::size_t count, std::size_t bytes_each) const {
    if (bytes_each != 0 && count > remaining() / bytes_each) {
      throw Error(error::archive_limit, "at byte " + std::to_string(position()) + " the data promise " +
                                            std::to_string(count) + " elements of at least " +
                                            std::to_string(bytes_each) + " bytes, but only " +
                                            std::to_string(remaining()) + " bytes are left");
    }
  }
  /// Checks that everything was read. \throws Error (`archive_corrupt`)
  void finish() const {
    if (remaining() != 0) {
      throw Error(error::archive_corrupt, "the value ends at byte " + std::to_string(position()) + ", but " +
                                              std::to_string(remaining()) + " bytes follow it");
    }
  }

  /// Parts of Boost's Archive concept; constant or without effect, as there are no pointers and no Boost version.
  [[nodiscard]] static boost::serialization::library_version_type get_library_version() {
    return boost::serialization::library_version_type(18U);
  }
  template <class T>
  void register_type(const T* = nullptr) noexcept {}
  void reset_object_address(const volatile void*, const volatile void*) noexcept {}
  void delete_created_pointers() noexcept {}

 private:
  template <class Reference>
  void load(Reference& value) {
    using boost::serialization::collection_size_type;
    using boost::serialization::item_version_type;
    using T = std::remove_cv_t<Reference>;
    static_assert(
        !detail::is_pointer_like<T>,
        "a healthai archive holds no pointers: serialise the object itself, or a std::optional of it");
    static_assert(
        !std::is_same_v<T, long double> && !std::is_same_v<T, wchar_t>,
        "long double and wchar_t differ between platforms: use double or char32_t in what is serialised");
    constexpr bool wrapper =
        detail::is_nvp<T> || detail::is_array_wrapper<T> || boost::serialization::is_wrapper<T>::type::value;
    static_assert(wrapper || !std::is_const_v<Reference>,
                  "an archive cannot read into a const object: drop the const");
    if constexpr (!detail::may_travel<T> ||
                  (std::is_const_v<Reference> && !wrapper)) {  // refused above: no further errors
    } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      value = static_cast<T>(load_number<detail::Number<T>>());
    } else if constexpr (std::is_same_v<T, collection_size_type>) {
      value = collection_size_type(load_count(1));
    } else if constexpr (std::is_same_v<T, item_version_type>) {
      value = item_version_type(load_number<std::uint32_t>());
    } else if constexpr (detail::is_nvp<T>) {
      load(value.value());
    } else if constexpr (detail::is_array_wrapper<T>) {
      load_elements(value.address(), value.count());
    } else if constexpr (detail::is_string<T>) {
      value.resize(load_count(1));
      load_binary(value.data(), value.size());
    } else if constexpr (detail::is_vector<T>) {
      load_vector(value);
    } else if constexpr (detail::is_map<T> || detail::is_set<T>) {
      load_keyed(value);
    } else if constexpr (std::is_array_v<T>) {
      load_elements(static_cast<std::remove_extent_t<T>*>(value), std::extent_v<T>);
    } else if constexpr (detail::is_std_array<T>) {
      load_elements(value.data(), value.size());
    } else if constexpr (detail::is_pair<T>) {
      load(value.first);
      load(value.second);
    } else if constexpr (detail::is_optional<T>) {
      value.reset();
      if (load_number<bool>()) load(value.emplace());
    } else {
      load_object(
          const_cast<T&>(value));  // NOLINT(cppcoreguidelines-pro-type-const-cast): a const wrapper at most
    }
  }

  template <class T>
  [[nodiscard]] T load_number() {
    using Wire = detail::Wire<T>;
    std::array<std::byte, sizeof(Wire)> bytes;
    load_binary(bytes.data(), bytes.size());
    const auto wire = detail::from_little_endian<Wire>(bytes);
    if constexpr (std::is_same_v<T, bool>) {
      if (wire > 1) {
        throw Error(error::archive_corrupt, "byte " + std::to_string(position() - 1) +
                                                " should be a bool, 0 or 1, but is " + std::to_string(wire));
      }
      return wire == 1;
    } else {
      const auto value = static_cast<T>(wire);
      if constexpr (sizeof(T) < sizeof(Wire)) {  // a 32-bit long
        if (static_cast<Wire>(value) != wire) {
          throw Error(error::archive_limit, "the number " + std::to_string(wire) + " before byte " +
                                                std::to_string(position()) +
                                                " does not fit on this platform");
        }
      }
      return value;
    }
  }

  /// A number of elements that each take at least `bytes_each` of the bytes that are left.
  [[nodiscard]] std::size_t load_count(std::size_t bytes_each) {
    const auto count = load_number<std::uint64_t>();
    require(count, bytes_each);
    return count;
  }

  template <class T>
  void load_elements(T* elements, std::size_t count) {
    if constexpr (detail::is_bulk<T>) {
      load_binary(elements, count * sizeof(T));
    } else {
      for (std::size_t i = 0; i < count; ++i) load(elements[i]);
    }
  }

  template <class T>
  void load_vector(T& vector) {
    using Element = typename T::value_type;
    if constexpr (std::is_same_v<Element, bool>) {
      vector.assign(load_count(1), false);
      for (std::size_t i = 0; i < vector.size(); ++i) vector[i] = load_number<bool>();
    } else if constexpr (detail::is_number<detail::Number<Element>>) {
      vector.resize(load_count(sizeof(detail::Wire<detail::Number<Element>>)));
      load_elements(vector.data(), vector.size());
    } else {
      static_assert(
          std::is_default_constructible_v<Element>,
          "elements of a vector are read into default-constructed ones: give the type a default constructor");
      const std::size_t count = load_count(1);
      vector.clear();
      // An element may be far larger in memory than in the archive: beyond this, memory grows as elements arrive.
      const std::uint64_t affordable = remaining() / sizeof(Element);
      vector.reserve(count < affordable ? count : static_cast<std::size_t>(affordable));
      for (std::size_t i = 0; i < count; ++i) load(vector.emplace_back());
    }
  }

  template <class T>
  void load_keyed(T& container) {
    const std::size_t count = load_count(1);
    container.clear();
    for (std::size_t i = 0; i < count; ++i) {
      if constexpr (detail::is_map<T>) {
        std::pair<typename T::key_type, typename T::mapped_type> element{};
        load(element);
        container.emplace_hint(container.end(), std::move(element));
      } else {
        typename T::key_type key{};
        load(key);
        container.emplace_hint(container.end(), std::move(key));
      }
      if (container.size() != i + 1) {
        throw Error(error::archive_corrupt,
                    "a map or set repeats a key before byte " + std::to_string(position()));
      }
    }
  }

  template <class T>
  void load_object(T& object) {
    namespace bs = boost::serialization;
    static_assert(std::is_class_v<T> || std::is_union_v<T>, "this type cannot be serialised");
    constexpr int level = bs::implementation_level<T>::value;
    static_assert(
        level != bs::primitive_type && level != bs::not_serializable,
        "a class of Boost's level primitive_type or not_serializable has no serialize function to call: "
        "give it one and the level object_class_info");
    constexpr auto known = [] {
      if constexpr (requires { T::newest_version; }) return static_cast<std::uint32_t>(T::newest_version);
      return static_cast<std::uint32_t>(bs::version<T>::value);
    }();
    std::uint32_t version = known;
    if constexpr (level >= bs::object_class_info) {
      version = load_number<std::uint32_t>();
      if (version > known) {
        throw Error(error::archive_version, "the class version before byte " + std::to_string(position()) +
                                                " is " + std::to_string(version) +
                                                ", this program knows up to " + std::to_string(known) +
                                                ": read it with a newer program");
      }
    }
    if (++nesting_ > detail::max_nesting) {
      throw Error(error::archive_limit, "before byte " + std::to_string(position()) +
                                            " objects lie in one another more than " +
                                            std::to_string(detail::max_nesting) + " deep");
    }
    bs::serialize_adl(*this, object, version);
    --nesting_;
    // One value, one form: what is signed or digested does not depend on who wrote it.
    if constexpr (level >= bs::object_class_info && requires { object.oldest_version(); }) {
      if (version > object.oldest_version()) {
        throw Error(error::archive_corrupt,
                    "the object before byte " + std::to_string(position()) + " has the class version " +
                        std::to_string(version) + ", but is one that version " +
                        std::to_string(object.oldest_version()) + " can say and should be written as");
      }
    }
  }

  Source& source_;
  std::uint64_t size_;
  unsigned nesting_ = 0;
};

}  // namespace healthai
