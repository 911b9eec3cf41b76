"""Information-bottleneck learning with a local three-factor rule and a working memory."""
