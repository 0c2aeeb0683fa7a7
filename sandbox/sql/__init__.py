"""The SQL Statement Execution API and its warehouse: queries run on Sail, over the tables of Unity Catalog."""
