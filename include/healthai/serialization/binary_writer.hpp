#pragma once

#include <boost/mpl/bool.hpp>
#include <boost/serialization/collection_size_type.hpp>
#include <boost/serialization/item_version_type.hpp>
#include <boost/serialization/level.hpp>
#include <boost/serialization/library_version_type.hpp>
#include <boost/serialization/serialization.hpp>
#include <boost/serialization/version.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>

#include "healthai/core/error.hpp"
#include "healthai/serialization/concept.hpp"
#include "healthai/serialization/detail/wire.hpp"

namespace healthai {

/// Writes values to a ByteSink, in the format that archive.hpp describes.
///
///     std::vector<std::byte> bytes;
///     BytesSink sink(bytes);
///     BinaryWriter writer(sink);
///     writer << reply;              // or writer & a & b
///
/// Throws what the sink throws, and Error (`archive_limit`) for a value that could not be read again (empty elements, too deep a nesting).
/// After an exception the writer is of no more use. Thread safety: none; the sink must outlive it.
template <ByteSink Sink>
class BinaryWriter {
 public:
  using is_saving = boost::mpl::bool_<true>;
  using is_loading = boost::mpl::bool_<false>;

  explicit BinaryWriter(Sink& sink) noexcept : sink_(sink) {}
  BinaryWriter(const BinaryWriter&) = delete;
  BinaryWriter& operator=(const BinaryWriter&) = delete;

  template <class T>
  BinaryWriter& operator<<(const T& value) {
    save(value);
    return *this;
  }
  template <class T>
  BinaryWriter& operator&(const T& value) {
    save(value);
    return *this;
  }

  /// `size` bytes as they are, without a length.
  void save_binary(const void* bytes, std::size_t size) {
    if (size == 0) return;
    sink_.write(std::span<const std::byte>(static_cast<const std::byte*>(bytes), size));
    position_ += size;
  }
  /// An array of numbers whose length is known to whoever reads it: the same bytes as one after another, at once.
  template <class T>
  void numbers(std::span<T> numbers) {
    static_assert(detail::is_number<std::remove_cv_t<T>>, "numbers() takes a span of numbers");
    save_elements(numbers.data(), numbers.size());
  }
  /// `numbers` that may go apart from the rest (see `serialize_detached`), if the sink has a member `detach(bytes)`.
  template <class T>
  void detached(std::span<T> numbers) {
    static_assert(detail::is_number<std::remove_cv_t<T>>, "detached() takes a span of numbers");
    if constexpr (requires { sink_.detach(std::as_bytes(numbers)); }) {
      static_assert(detail::is_bulk<std::remove_cv_t<T>>,
                    "a sink with `detach` needs a machine that keeps the lowest byte first");
      sink_.detach(std::as_bytes(numbers));
    } else {
      this->numbers(numbers);
    }
  }
  /// How many bytes were written so far.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

  /// Part of Boost's Archive concept; constant, as this format does not follow Boost's versions.
  [[nodiscard]] static boost::serialization::library_version_type get_library_version() {
    return boost::serialization::library_version_type(18U);
  }
  /// Part of Boost's Archive concept; nothing to do without pointers.
  template <class T>
  void register_type(const T* = nullptr) noexcept {}

 private:
  template <class T>
  void save(const T& value) {
    using boost::serialization::collection_size_type;
    using boost::serialization::item_version_type;
    static_assert(
        !detail::is_pointer_like<T>,
        "a healthai archive holds no pointers: serialise the object itself, or a std::optional of it");
    static_assert(
        !std::is_same_v<T, long double> && !std::is_same_v<T, wchar_t>,
        "long double and wchar_t differ between platforms: use double or char32_t in what is serialised");
    if constexpr (!detail::may_travel<T>) {  // refused above: no further errors
    } else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      using Wire = detail::Wire<detail::Number<T>>;
      const auto bytes = detail::to_little_endian(static_cast<Wire>(static_cast<detail::Number<T>>(value)));
      save_binary(bytes.data(), bytes.size());
    } else if constexpr (std::is_same_v<T, collection_size_type>) {
      save(static_cast<std::uint64_t>(value));
    } else if constexpr (std::is_same_v<T, item_version_type>) {
      save(static_cast<std::uint32_t>(value));
    } else if constexpr (detail::is_nvp<T>) {
      save(value.const_value());
    } else if constexpr (detail::is_array_wrapper<T>) {
      save_elements(value.address(), value.count());
    } else if constexpr (detail::is_string<T>) {
      save(static_cast<std::uint64_t>(value.size()));
      save_binary(value.data(), value.size());
    } else if constexpr (detail::is_vector<T> || detail::is_map<T> || detail::is_set<T>) {
      save_container(value);
    } else if constexpr (std::is_array_v<T>) {
      save_elements(static_cast<const std::remove_extent_t<T>*>(value), std::extent_v<T>);
    } else if constexpr (detail::is_std_array<T>) {
      save_elements(value.data(), value.size());
    } else if constexpr (detail::is_pair<T>) {
      save(value.first);
      save(value.second);
    } else if constexpr (detail::is_optional<T>) {
      save(value.has_value());
      if (value.has_value()) save(*value);
    } else {
      save_object(value);
    }
  }

  template <class T>
  void save_elements(const T* elements, std::size_t count) {
    if constexpr (detail::is_bulk<std::remove_cv_t<T>>) {
      save_binary(elements, count * sizeof(T));
    } else {
      for (std::size_t i = 0; i < count; ++i) save(elements[i]);
    }
  }

  template <class T>
  void save_container(const T& container) {
    using Element = typename T::value_type;
    const std::size_t count = container.size();
    save(static_cast<std::uint64_t>(count));
    if constexpr (detail::is_vector<T> && !std::is_same_v<Element, bool>) {
      save_elements_counted(container.data(), count);
    } else {
      const std::uint64_t begin = position_;
      for (const auto& element : container) save(static_cast<const Element&>(element));
      require_bytes(count, begin);
    }
  }
  template <class T>
  void save_elements_counted(const T* elements, std::size_t count) {
    const std::uint64_t begin = position_;
    save_elements(elements, count);
    require_bytes(count, begin);
  }
  void require_bytes(std::size_t count, std::uint64_t begin) const {
    if (position_ - begin < count) {
      throw Error(error::archive_limit,
                  "a container of " + std::to_string(count) + " elements wrote only " +
                      std::to_string(position_ - begin) +
                      " bytes, but an element needs at least one: drop the empty elements");
    }
  }

  template <class T>
  void save_object(const T& object) {
    namespace bs = boost::serialization;
    static_assert(std::is_class_v<T> || std::is_union_v<T>, "this type cannot be serialised");
    constexpr int level = bs::implementation_level<T>::value;
    static_assert(
        level != bs::primitive_type && level != bs::not_serializable,
        "a class of Boost's level primitive_type or not_serializable has no serialize function to call: "
        "give it one and the level object_class_info");
    std::uint32_t version = static_cast<std::uint32_t>(bs::version<T>::value);
    if constexpr (requires { object.oldest_version(); }) version = object.oldest_version();
    if constexpr (level >= bs::object_class_info) save(version);
    if (++nesting_ > detail::max_nesting) {
      throw Error(error::archive_limit, "objects lie in one another more than " +
                                            std::to_string(detail::max_nesting) +
                                            " deep: flatten the recursive type before it is serialised");
    }
    // As in Boost: `serialize` serves both directions, and a saving archive does not write through the reference.
    bs::serialize_adl(*this, const_cast<T&>(object),  // NOLINT(cppcoreguidelines-pro-type-const-cast)
                      static_cast<unsigned>(version));
    --nesting_;
  }

  Sink& sink_;
  std::uint64_t position_ = 0;
  unsigned nesting_ = 0;
};

}  // namespace healthai
