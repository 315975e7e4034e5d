from tests.pages import anna, plain, shop

__all__ = ["anna", "plain", "shop"]
