"""The HTTP behaviour of the ImageRouter stand-in: accounts, validation, money, answers, lists."""
