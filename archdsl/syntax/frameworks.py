"""The modules that frameworks keep their operators in."""

FRAMEWORKS = frozenset(
    (
        "nn",
        "F",
        "torch",
        "torchvision",
        "tf",
        "keras",
        "layers",
        "np",
        "jnp",
        "jax",
        "flax",
        "functional",
        "self",
        "ops",
    )
)
